#include "ledger/hearings.h"

#include <algorithm>
#include <map>

#include "gonka/select/draw.h"
#include "ledger/cases.h"
#include "ledger/convict.h"
#include "ledger/draws.h"
#include "ledger/members.h"

namespace gonka::ledger {
namespace {

// Nothing is opened for the epoch any more from here.
uint64_t EndOfGrace(BlockState& state, uint64_t epoch) {
  const TimeParams& time = state.params.time;
  return state.epochs.Get(keys::OfEpoch(epoch)).first_height + time.epoch_blocks +
         time.grace_blocks;
}

bool HasEnough(const BlockState& state, const Standing& standing, const Case& hearing) {
  return standing.executed >= state.params.check.hearing_sample + hearing.triggers.size();
}

bool IsEligible(const Case& hearing, const InferenceId& id, const InferenceRecord& record) {
  const bool triggered =
      std::find(hearing.triggers.begin(), hearing.triggers.end(), id) != hearing.triggers.end();
  return record.finish && !record.settled && !triggered &&
         record.assignment.request.model == hearing.model;
}

// The accused's finished records of one epoch that may be sampled, ascending by id.
std::vector<InferenceId> Eligible(BlockState& state, const Case& hearing, uint64_t epoch) {
  std::vector<InferenceId> eligible;
  const EpochTable* table = state.epochs.Find(keys::OfEpoch(epoch));
  if (table == nullptr) return eligible;
  const std::optional<size_t> index = MemberIndex(*table, hearing.accused);
  if (!index) return eligible;
  const Key prefix = Key('x').AddNumber(epoch).AddShort(static_cast<uint16_t>(*index));
  for (const Key& key : state.index.Keys(prefix)) {
    KeyReader reader(key.span());
    reader.NextNumber();
    reader.NextShort();
    const InferenceId id{reader.NextHash()};
    if (IsEligible(hearing, id, state.records.Get(keys::Of(id)))) eligible.push_back(id);
  }
  return eligible;
}

struct Candidate {
  InferenceId id;
  AccountId developer;
  AccountId ta;
};

std::vector<Candidate> CandidatesOf(BlockState& state, const Case& hearing, uint64_t epoch) {
  std::vector<Candidate> candidates;
  for (const InferenceId& id : Eligible(state, hearing, epoch)) {
    const Request& request = state.records.Get(keys::Of(id)).assignment.request;
    candidates.push_back({.id = id, .developer = request.developer, .ta = request.ta});
  }
  return candidates;
}

// How many answers of a sample may be to one developer, or through one transfer agent. A developer
// who knows prompts on which honest hardware errs must not fill a sample with them. Rounded up, so
// that three full shares do fill it.
class Shares {
 public:
  Shares(const CheckParams& check, const std::vector<Candidate>& candidates)
      : most_((uint64_t{check.hearing_sample} * check.share_per_party.value + Ppm::kOne - 1) /
              Ppm::kOne) {
    for (const Candidate& candidate : candidates) {
      developers_[candidate.developer] = 0;
      transfer_agents_[candidate.ta] = 0;
    }
  }

  bool Take(const Candidate& candidate) {
    uint64_t& of_developer = developers_[candidate.developer];
    uint64_t& of_ta = transfer_agents_[candidate.ta];
    if (developers_.size() >= kPartiesMin && of_developer >= most_) return false;
    if (transfer_agents_.size() >= kPartiesMin && of_ta >= most_) return false;
    ++of_developer;
    ++of_ta;
    return true;
  }

 private:
  static constexpr size_t kPartiesMin = 3;  // Fewer cannot share it in thirds.
  const uint64_t most_;
  std::map<AccountId, uint64_t> developers_;
  std::map<AccountId, uint64_t> transfer_agents_;
};

void AppendSample(List<InferenceId, 16>& sample, size_t wanted, const Hash& seed,
                  const std::vector<Candidate>& from, Shares& shares) {
  for (const size_t index : select::DrawSample(seed, from.size(), from.size())) {
    if (sample.size() == wanted) return;
    if (shares.Take(from[index])) sample.push_back(from[index].id);
  }
}

// The case's epoch first; where it has too few, the one before, if that is not settled yet.
List<InferenceId, 16> SampleFor(BlockState& state, const Case& hearing, const Hash& seed) {
  const size_t wanted = state.params.check.hearing_sample;
  const std::vector<Candidate> now = CandidatesOf(state, hearing, hearing.epoch);
  std::vector<Candidate> earlier;
  if (hearing.epoch > state.chain.epoch_settled) {
    earlier = CandidatesOf(state, hearing, hearing.epoch - 1);
  }
  std::vector<Candidate> all = now;
  all.insert(all.end(), earlier.begin(), earlier.end());
  Shares shares(state.params.check, all);
  List<InferenceId, 16> sample;
  AppendSample(sample, wanted, seed, now, shares);
  AppendSample(sample, wanted, TaggedHash("gonka/draw/sample/earlier/1", seed), earlier, shares);
  return sample;
}

List<Ballot, 4096> BallotsFor(BlockState& state, const Case& hearing) {
  List<Ballot, 4096> ballots;
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(hearing.epoch));
  for (const Member& member : table.members) {
    const bool eligible = member.id != hearing.accused && member.weight > 0 &&
                          Serves(member, hearing.model) &&
                          !state.participants.Get(keys::OfParticipant(member.id)).removed;
    if (!eligible) continue;
    Ballot& ballot = ballots.emplace_back();
    ballot.voter = member.id;
    ballot.votes = member.weight;
  }
  return ballots;
}

}  // namespace

void OpenHearing(BlockState& state, uint64_t epoch, const AccountId& accused, const ModelId& model,
                 const List<InferenceId, 16>& triggers) {
  const CaseId id = HearingCase(epoch, accused);
  Standing& standing = state.standings.Ensure(keys::OfStanding(epoch, accused));
  if (standing.convicted || state.cases.Find(keys::Of(id)) != nullptr) return;
  Case hearing;
  hearing.kind = CaseKind::kHearing;
  hearing.epoch = epoch;
  hearing.accused = accused;
  hearing.model = model;
  hearing.triggers = triggers;
  const Case& open = PutCase(state, id, std::move(hearing));
  state.Tell(HearingOpened{.case_id = id, .accused = accused, .epoch = epoch});
  const uint64_t end = EndOfGrace(state, epoch);
  if (HasEnough(state, standing, open) || state.height() >= end) {
    return QueueSampleDraw(state, id);
  }
  standing.hearing_waits = true;
  SetTimer(state, end, id);
}

void WakeHearing(BlockState& state, uint64_t epoch, const AccountId& accused) {
  const Key key = keys::OfStanding(epoch, accused);
  if (!state.standings.Get(key).hearing_waits) return;
  const CaseId id = HearingCase(epoch, accused);
  if (!HasEnough(state, state.standings.Get(key), state.cases.Get(keys::Of(id)))) return;
  state.standings.Change(key).hearing_waits = false;
  QueueSampleDraw(state, id);
}

void StopWaiting(BlockState& state, const CaseId& id, Case& hearing) {
  Standing& standing = state.standings.Ensure(keys::OfStanding(hearing.epoch, hearing.accused));
  if (!standing.hearing_waits) return;  // Its draw is queued already.
  standing.hearing_waits = false;
  QueueSampleDraw(state, id);
}

void DrawHearingSample(BlockState& state, const CaseId& id, const Hash& seed) {
  const Case* found = state.cases.Find(keys::Of(id));
  if (found == nullptr || found->decided || found->drawn) return;
  Case& hearing = state.cases.Change(keys::Of(id));
  hearing.records = SampleFor(state, hearing, seed);
  hearing.ballots = BallotsFor(state, hearing);
  state.Tell(
      HearingSampleDrawn{.case_id = id, .accused = hearing.accused, .sample = hearing.records});
  OpenVoting(state, id, hearing, state.params.time.hearing_window_blocks);
  if (hearing.records.empty() || hearing.ballots.empty()) DecideHearing(state, id, hearing, true);
}

void DecideHearing(BlockState& state, const CaseId& id, Case& hearing, bool out_of_time) {
  uint64_t confirming = 0;
  uint64_t eligible = 0;
  for (const Ballot& ballot : hearing.ballots) {
    eligible += ballot.votes;
    const bool confirms =
        ballot.reveal && ballot.reveal->verdict == Verdict::kFail &&
        ballot.reveal->evidence_millinats >= state.params.check.conviction_millinats;
    if (confirms) confirming += ballot.votes;
  }
  hearing.decided = true;
  hearing.upheld = !out_of_time && confirming > eligible - confirming;
  state.Tell(HearingDecided{.case_id = id,
                            .accused = hearing.accused,
                            .convicted = hearing.upheld,
                            .confirming_weight = confirming,
                            .eligible_weight = eligible});
  if (hearing.upheld) Convict(state, hearing.epoch, hearing.accused, ConvictionCause::kEvidence);
}

}  // namespace gonka::ledger
