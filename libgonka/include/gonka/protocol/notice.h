#pragma once

// What the ledger tells the world: facts that follow from a block, in the order in which they
// happened. They are leaves of the block's Merkle tree, so that anyone can be shown that a refund,
// a verdict or a payout is in the history.

#include "gonka/protocol/tx.h"

namespace gonka {

enum class RefundReason : uint8_t {
  kUnusedEscrow,
  kExpired,
  kInvalid,
  kConviction,
  kUndecided,
  kUnchecked
};
template <>
inline constexpr uint64_t kEnumEnd<RefundReason> = 6;
const char* NameOf(RefundReason value);

enum class WithholdReason : uint8_t {
  kConviction,    // The epoch's pay is forfeited.
  kWorkShare,     // Less work than half of the weight's share.
  kAvailability,  // Misses beyond bad luck.
  kWeightCap,     // Weight above the cap earns nothing.
  kNotDelivered,  // A transfer agent's share without Delivered.
  kNotChecked,    // A validator's share where nobody checked; of nobody: participant is zero.
  kRounding,      // Of nobody: participant is zero.
  kMaintenance,   // For the blocks in which it was announced to be away.
  kSkipped,       // A transfer agent's share where it skipped an executor without its refusal.
};
template <>
inline constexpr uint64_t kEnumEnd<WithholdReason> = 9;
const char* NameOf(WithholdReason value);

enum class ConvictionCause : uint8_t {
  kEvidence,
  kTwoOutputs,
  kFalseSprintOpening,  // Of a Sprint commit: signed, and not what the root covers.
};
template <>
inline constexpr uint64_t kEnumEnd<ConvictionCause> = 3;
const char* NameOf(ConvictionCause value);

enum class DisputeOutcome : uint8_t { kUpheld, kRejected, kUndecided };
template <>
inline constexpr uint64_t kEnumEnd<DisputeOutcome> = 3;
const char* NameOf(DisputeOutcome value);

enum class DisputeCause : uint8_t { kFail, kUnavailable, kChallenge };
template <>
inline constexpr uint64_t kEnumEnd<DisputeCause> = 3;
const char* NameOf(DisputeCause value);

enum class ProposalStatus : uint8_t {
  kVoting,
  kPassed,  // Waits for its height.
  kRejected,
  kActive,  // Has changed the network.
  kVoid     // Passed, but contradicts what the network had become by its height.
};
template <>
inline constexpr uint64_t kEnumEnd<ProposalStatus> = 5;
const char* NameOf(ProposalStatus value);

// Why somebody lost a bond, and a validator a step of its reputation as well.
enum class PenaltyReason : uint8_t {
  kRejectedAccusation,
  kOverturnedPass,
  kRejectedChallenge,
  kSprintVerdict,  // Of a Sprint, against what the weight decided; the inference is zero.
};
template <>
inline constexpr uint64_t kEnumEnd<PenaltyReason> = 4;
const char* NameOf(PenaltyReason value);

enum class SprintOutcome : uint8_t {
  kProven,
  kFalse,  // The participant has no weight in the next epoch.
  kVoid,   // Nobody knows: counts for no more than the participant has had.
};
template <>
inline constexpr uint64_t kEnumEnd<SprintOutcome> = 3;
const char* NameOf(SprintOutcome value);

struct EpochStarted {
  static constexpr const char* kName = "epoch_started";
  uint64_t epoch = 0;
  uint32_t members = 0;
  uint64_t total_weight = 0;
  GONKA_FIELDS(EpochStarted, epoch, members, total_weight)
};
struct RecordOpened {
  static constexpr const char* kName = "record_opened";
  InferenceId inference;
  AccountId developer;
  AccountId ta;
  AccountId executor;
  uint8_t attempt = 0;
  Amount escrow;
  GONKA_FIELDS(RecordOpened, inference, developer, ta, executor, attempt, escrow)
};
struct RecordFinished {
  static constexpr const char* kName = "record_finished";
  InferenceId inference;
  uint32_t output_tokens = 0;
  Amount cost;
  GONKA_FIELDS(RecordFinished, inference, output_tokens, cost)
};
// Told when Delivered comes in, and once more when Finish comes after it.
struct RecordDelivered {
  static constexpr const char* kName = "record_delivered";
  InferenceId inference;
  // Whether what was delivered is what was committed; nothing as long as Finish is missing.
  std::optional<bool> matches;
  GONKA_FIELDS(RecordDelivered, inference, matches)
};
// validators in the order of their duty: each has one check window, then the next may act too.
struct CheckDrawn {
  static constexpr const char* kName = "check_drawn";
  InferenceId inference;
  bool selected = false;
  Ppm rate;
  List<AccountId, 8> validators;  // The first eight; the order goes on by the same draw.
  GONKA_FIELDS(CheckDrawn, inference, selected, rate, validators)
};
struct VerdictRevealed {
  static constexpr const char* kName = "verdict_revealed";
  InferenceId inference;
  AccountId validator;
  Verdict verdict = Verdict::kPass;
  int32_t evidence_millinats = 0;
  GONKA_FIELDS(VerdictRevealed, inference, validator, verdict, evidence_millinats)
};
struct DisputeOpened {
  static constexpr const char* kName = "dispute_opened";
  InferenceId inference;
  AccountId accused;
  AccountId accuser;
  DisputeCause cause = DisputeCause::kFail;
  GONKA_FIELDS(DisputeOpened, inference, accused, accuser, cause)
};
struct CommitteeDrawn {
  static constexpr const char* kName = "committee_drawn";
  CaseId case_id;
  InferenceId inference;
  List<AccountId, 64> seats;  // One entry a seat; a participant may hold several.
  GONKA_FIELDS(CommitteeDrawn, case_id, inference, seats)
};
struct VoteRevealed {
  static constexpr const char* kName = "vote_revealed";
  CaseId case_id;
  AccountId voter;
  Verdict verdict = Verdict::kPass;
  int32_t evidence_millinats = 0;
  uint64_t votes = 0;  // Seats in a dispute, weight in a hearing.
  GONKA_FIELDS(VoteRevealed, case_id, voter, verdict, evidence_millinats, votes)
};
struct DisputeDecided {
  static constexpr const char* kName = "dispute_decided";
  InferenceId inference;
  DisputeOutcome outcome = DisputeOutcome::kUpheld;
  uint32_t fail_seats = 0;
  uint32_t pass_seats = 0;
  uint32_t unavailable_seats = 0;
  GONKA_FIELDS(DisputeDecided, inference, outcome, fail_seats, pass_seats, unavailable_seats)
};
struct HearingOpened {
  static constexpr const char* kName = "hearing_opened";
  CaseId case_id;
  AccountId accused;
  uint64_t epoch = 0;
  GONKA_FIELDS(HearingOpened, case_id, accused, epoch)
};
struct HearingSampleDrawn {
  static constexpr const char* kName = "hearing_sample_drawn";
  CaseId case_id;
  AccountId accused;
  List<InferenceId, 16> sample;
  GONKA_FIELDS(HearingSampleDrawn, case_id, accused, sample)
};
struct HearingDecided {
  static constexpr const char* kName = "hearing_decided";
  CaseId case_id;
  AccountId accused;
  bool convicted = false;
  uint64_t confirming_weight = 0;
  uint64_t eligible_weight = 0;
  GONKA_FIELDS(HearingDecided, case_id, accused, convicted, confirming_weight, eligible_weight)
};
struct Convicted {
  static constexpr const char* kName = "convicted";
  AccountId accused;
  uint64_t epoch = 0;
  ConvictionCause cause = ConvictionCause::kEvidence;
  Amount slashed;
  bool removed = false;
  GONKA_FIELDS(Convicted, accused, epoch, cause, slashed, removed)
};
struct Refunded {
  static constexpr const char* kName = "refunded";
  InferenceId inference;
  AccountId developer;
  Amount amount;
  RefundReason reason = RefundReason::kUnusedEscrow;
  GONKA_FIELDS(Refunded, inference, developer, amount, reason)
};
struct RecordExpired {
  static constexpr const char* kName = "record_expired";
  InferenceId inference;
  AccountId executor;
  GONKA_FIELDS(RecordExpired, inference, executor)
};
struct Paid {
  static constexpr const char* kName = "paid";
  uint64_t epoch = 0;
  AccountId participant;
  Amount executor_fees;
  Amount ta_fees;
  Amount validator_fees;
  Amount emission;
  GONKA_FIELDS(Paid, epoch, participant, executor_fees, ta_fees, validator_fees, emission)
};
struct Withheld {
  static constexpr const char* kName = "withheld";
  uint64_t epoch = 0;
  AccountId participant;
  Amount amount;
  WithholdReason reason = WithholdReason::kConviction;
  GONKA_FIELDS(Withheld, epoch, participant, amount, reason)
};
struct ReputationChanged {
  static constexpr const char* kName = "reputation_changed";
  AccountId participant;
  Ppm before;
  Ppm after;
  GONKA_FIELDS(ReputationChanged, participant, before, after)
};
struct EpochSettled {
  static constexpr const char* kName = "epoch_settled";
  uint64_t epoch = 0;
  uint32_t records = 0;
  Amount fees;      // Held by the epoch's records before; fees + emission = the four below.
  Amount emission;  // Minted for this epoch.
  Amount paid;      // Fees and emission, to all participants.
  Amount refunded;  // To developers, at settlement.
  Amount burned;
  Amount treasury;  // Added.
  GONKA_FIELDS(EpochSettled, epoch, records, fees, emission, paid, refunded, burned, treasury)
};
struct ParticipantJoined {
  static constexpr const char* kName = "participant_joined";
  AccountId participant;
  uint64_t from_epoch = 0;
  GONKA_FIELDS(ParticipantJoined, participant, from_epoch)
};

struct KeyDelegated {
  static constexpr const char* kName = "key_delegated";
  AccountId account;
  AccountId key;
  uint64_t events = 0;
  bool speaks = false;
  bool orders = false;
  Amount cap;
  uint64_t expires_height = 0;
  GONKA_FIELDS(KeyDelegated, account, key, events, speaks, orders, cap, expires_height)
};
// By Revoke, by a key that took over, or because its time was up.
struct KeyRevoked {
  static constexpr const char* kName = "key_revoked";
  AccountId account;
  AccountId key;
  GONKA_FIELDS(KeyRevoked, account, key)
};
struct ProposalOpened {
  static constexpr const char* kName = "proposal_opened";
  uint64_t proposal = 0;
  AccountId author;
  Change change;
  uint64_t vote_until = 0;
  uint64_t activate_height = 0;
  GONKA_FIELDS(ProposalOpened, proposal, author, change, vote_until, activate_height)
};
// After the vote: kPassed or kRejected; at its height: kActive or kVoid.
struct ProposalDecided {
  static constexpr const char* kName = "proposal_decided";
  uint64_t proposal = 0;
  ProposalStatus status = ProposalStatus::kVoting;
  uint64_t approving_weight = 0;
  uint64_t rejecting_weight = 0;
  uint64_t total_weight = 0;
  GONKA_FIELDS(ProposalDecided, proposal, status, approving_weight, rejecting_weight, total_weight)
};

// A pass is checked again, by these in the order of their duty.
struct RecheckDrawn {
  static constexpr const char* kName = "recheck_drawn";
  InferenceId inference;
  List<AccountId, 8> validators;  // The first eight.
  GONKA_FIELDS(RecheckDrawn, inference, validators)
};
// The amount went to the treasury.
struct Penalised {
  static constexpr const char* kName = "penalised";
  InferenceId inference;
  AccountId who;
  Amount amount;
  PenaltyReason reason = PenaltyReason::kRejectedAccusation;
  GONKA_FIELDS(Penalised, inference, who, amount, reason)
};

// It has no duties after this epoch.
struct ParticipantLeft {
  static constexpr const char* kName = "participant_left";
  AccountId participant;
  uint64_t last_epoch = 0;
  GONKA_FIELDS(ParticipantLeft, participant, last_epoch)
};
// Collateral that comes back with the settlement of release_epoch, less what is slashed until then.
struct CollateralUnbonding {
  static constexpr const char* kName = "collateral_unbonding";
  AccountId participant;
  Amount amount;
  uint64_t release_epoch = 0;
  GONKA_FIELDS(CollateralUnbonding, participant, amount, release_epoch)
};
struct CollateralReleased {
  static constexpr const char* kName = "collateral_released";
  AccountId participant;
  Amount amount;
  GONKA_FIELDS(CollateralReleased, participant, amount)
};

// A transfer agent took this answer, or part of it, and turned to another executor: what it had
// acknowledged is held from its own stake, not the developer's escrow.
struct AgentCharged {
  static constexpr const char* kName = "agent_charged";
  InferenceId inference;
  AccountId ta;
  AccountId executor;
  Amount amount;
  GONKA_FIELDS(AgentCharged, inference, ta, executor, amount)
};

// Announced by Maintain: both ends included. Nothing: taken back.
struct MaintenanceAnnounced {
  static constexpr const char* kName = "maintenance_announced";
  AccountId participant;
  uint64_t from_height = 0;
  uint64_t until_height = 0;
  GONKA_FIELDS(MaintenanceAnnounced, participant, from_height, until_height)
};
// Emission of earlier epochs that has vested.
struct Vested {
  static constexpr const char* kName = "vested";
  AccountId participant;
  Amount amount;
  GONKA_FIELDS(Vested, participant, amount)
};

// The inputs of the epoch's Sprint are known: commits are taken up to this block.
struct SprintOpened {
  static constexpr const char* kName = "sprint_opened";
  uint64_t epoch = 0;
  Hash seed;
  uint64_t commit_until = 0;
  GONKA_FIELDS(SprintOpened, epoch, seed, commit_until)
};
struct SprintCommitted {
  static constexpr const char* kName = "sprint_committed";
  uint64_t epoch = 0;
  AccountId participant;
  ModelId model;
  uint32_t count = 0;
  GONKA_FIELDS(SprintCommitted, epoch, participant, model, count)
};
// Who checks this commit now: at first, when substitutes come in, and in an appeal, where it is
// everybody else who serves the model and the list is empty.
struct SprintCheckDrawn {
  static constexpr const char* kName = "sprint_check_drawn";
  uint64_t epoch = 0;
  AccountId participant;
  ModelId model;
  bool appeal = false;
  List<AccountId, 16> checkers;
  uint64_t commit_until = 0;
  GONKA_FIELDS(SprintCheckDrawn, epoch, participant, model, appeal, checkers, commit_until)
};
struct SprintVerdictRevealed {
  static constexpr const char* kName = "sprint_verdict_revealed";
  uint64_t epoch = 0;
  AccountId participant;
  ModelId model;
  AccountId checker;
  Verdict verdict = Verdict::kPass;
  uint32_t proven = 0;
  uint64_t votes = 0;  // 1 of a checker, the weight in an appeal.
  GONKA_FIELDS(SprintVerdictRevealed, epoch, participant, model, checker, verdict, proven, votes)
};
struct SprintDecided {
  static constexpr const char* kName = "sprint_decided";
  uint64_t epoch = 0;
  AccountId participant;
  ModelId model;
  SprintOutcome outcome = SprintOutcome::kVoid;
  uint32_t proven = 0;  // Of the samples.
  uint32_t samples = 0;
  uint64_t weight = 0;  // Proven; of a void one claimed.
  GONKA_FIELDS(SprintDecided, epoch, participant, model, outcome, proven, samples, weight)
};
// Nobody's weight changes: too few have committed, or time ran out before the check, or nothing
// would be left.
struct SprintVoid {
  static constexpr const char* kName = "sprint_void";
  uint64_t epoch = 0;
  GONKA_FIELDS(SprintVoid, epoch)
};
struct WeightEarned {
  static constexpr const char* kName = "weight_earned";
  uint64_t epoch = 0;  // For which it is.
  AccountId participant;
  uint64_t before = 0;
  uint64_t after = 0;
  GONKA_FIELDS(WeightEarned, epoch, participant, before, after)
};

// The order is on the wire: new ones at the end.
using Notice =
    std::variant<EpochStarted, RecordOpened, RecordFinished, RecordDelivered, CheckDrawn,
                 VerdictRevealed, DisputeOpened, CommitteeDrawn, VoteRevealed, DisputeDecided,
                 HearingOpened, HearingSampleDrawn, HearingDecided, Convicted, Refunded,
                 RecordExpired, Paid, Withheld, ReputationChanged, EpochSettled, ParticipantJoined,
                 KeyDelegated, KeyRevoked, ProposalOpened, ProposalDecided, RecheckDrawn, Penalised,
                 ParticipantLeft, CollateralUnbonding, CollateralReleased, AgentCharged,
                 MaintenanceAnnounced, Vested, SprintOpened, SprintCommitted, SprintCheckDrawn,
                 SprintVerdictRevealed, SprintDecided, SprintVoid, WeightEarned>;

}  // namespace gonka
