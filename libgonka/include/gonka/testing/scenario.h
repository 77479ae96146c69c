#pragma once

// A scenario: a network, who in it departs from the rules, what happens when, and what must hold at
// the end. It is data, a JSON file (tests/scenarios/README.md says how it is written), so that a
// hole or a complaint becomes a test without a line of C++. scenario_run.h runs it.
//
// Places are those of SimWorld: participants and developers by number, from 0.

#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/statusor.h"
#include "gonka/testing/sim_world.h"

namespace gonka::testing {

// A participant: by number, or by what it is in a request that has a label.
struct Place {
  enum class Of : uint8_t { kNumber, kExecutor, kTransferAgent, kValidator };
  Of of = Of::kNumber;
  size_t number = 0;
  std::string request;
};

// Both ends included; nothing: unbounded.
struct Range {
  std::optional<int64_t> min;
  std::optional<int64_t> max;
  bool Contains(int64_t value) const { return (!min || value >= *min) && (!max || value <= *max); }
};

struct AskStep {
  std::string label;  // To refer to it; of the last one where there are several.
  size_t count = 1;
  std::optional<size_t> developer;  // All in turn where it is not given,
  std::optional<Place> ta;          // and drawn.
  // Goes on, with short requests in between, until the ledger draws this one.
  std::optional<Place> executor;
  std::string prompt;
  uint32_t tokens_max = 6;
  std::optional<uint64_t> seed;
};
struct HangUpStep {
  std::string request;
};
// What befalls one participant.
struct TroubleStep {
  enum class Kind : uint8_t {
    kCrash,
    kRestart,
    kLosePower,
    kCut,
    kHeal,
    kFillDisk,
    kFreeDisk,
    kGoWarm,
    kLeave,  // Says that this epoch is its last.
  };
  Kind kind = Kind::kCrash;
  Place who;
};
struct LoseTxsStep {
  Place who;
  size_t count = 1;
};
struct PaceStep {
  Place who;
  SimPace pace;
};
struct BehaveStep {
  Place who;
  std::vector<Conduct> conduct;
};
struct PartitionStep {
  std::vector<std::vector<size_t>> groups;
};
struct LinksStep {
  LinkOptions links;
};
struct JoinStep {};  // The next newcomer.
// A participant proposes a parameter.
struct ProposeStep {
  size_t participant = 0;
  std::string param;
  int64_t value = 0;
  uint64_t activate_epoch = 0;
};
struct WithdrawStep {
  Place who;
  Amount amount;  // Of its collateral.
};
struct VoteStep {
  std::vector<size_t> participants;
  uint64_t proposal = 0;
  bool approve = true;
};
struct ChallengeStep {
  std::string request;
};
// A developer sets coins aside; the code that the ledger must answer with.
struct AllowStep {
  size_t developer = 0;
  size_t ta = 0;
  Amount amount;
  TxCode code = TxCode::kOk;
};

using Action = std::variant<AskStep, HangUpStep, TroubleStep, LoseTxsStep, PaceStep, BehaveStep,
                            PartitionStep, LinksStep, JoinStep, ProposeStep, WithdrawStep, VoteStep,
                            ChallengeStep, AllowStep>;

struct TimedStep {
  uint64_t height = 0;  // Once this block is made, or at once where it is.
  uint64_t ms = 0;      // And so much later.
  Action action;
};

// How many notices of a kind were told that have these values, and what one field of them sums to.
// Values as in the JSON view; accounts as "participant 3", "developer 0", "nobody", records as
// "request LABEL".
struct NoticeCheck {
  std::string kind;
  std::map<std::string, std::string> where;
  Range count{.min = 1, .max = {}};
  std::string sum_field;
  Range sum;
};
struct RequestCheck {
  std::string label;
  std::optional<bool> answered;
  std::optional<ledger::InferenceStatus> status;  // As settled.
  Range paid;
  Range refunded;
};
struct ParticipantCheck {
  size_t participant = 0;
  Range reputation;  // Ppm.
  Range collateral;
  Range gain;  // Balance and collateral, now against the beginning.
  Range fees;  // Paid at settlements, all epochs.
  Range emission;
  Range weight_ppm;  // Of all weight, in the epoch at the end.
  std::optional<bool> removed;
};
struct DeveloperCheck {
  size_t developer = 0;
  Range gain;
};
// Fees and emission per unit of weight, in parts per million of another's.
struct PayCheck {
  size_t of = 0;
  size_t against = 0;
  Range ppm;
};
// What these together have more at the end than if they had kept to the rules in the same world.
struct HonestCheck {
  std::vector<size_t> participants;
  std::vector<size_t> developers;
  Range gain{.min = {}, .max = -1};
};

struct Expectations {
  std::vector<size_t> convicted;         // These, and nobody else,
  std::vector<size_t> may_be_convicted;  // but perhaps some of these.
  std::vector<NoticeCheck> notices;
  std::map<std::string, Range> records;   // Settled, by status.
  std::map<std::string, Range> refusals;  // By TxCode.
  Range answered;
  Range failed;
  std::vector<RequestCheck> requests;
  std::vector<ParticipantCheck> participants;
  std::vector<DeveloperCheck> developers;
  std::vector<PayCheck> pay;
  std::optional<HonestCheck> against_honest;
  Range price;                // Per token, at the end.
  std::vector<size_t> apart;  // Need not have caught up with the others at the end.
  bool replays = false;       // A second run gives the same transcript.
};

struct Scenario {
  std::string file;
  std::string name;                 // A sentence.
  std::vector<std::string> covers;  // Which holes and complaints.
  std::string why;
  std::vector<uint64_t> seeds;
  SimOptions network;  // Without the seed.
  std::vector<TimedStep> timeline;
  uint64_t settled = 0;  // Runs until this epoch is settled.
  Expectations expect;
};

// Errors name the file, the field and the value. The file is not opened: text is what is in it.
absl::StatusOr<Scenario> ReadScenario(const std::string& file, std::string_view text);

}  // namespace gonka::testing
