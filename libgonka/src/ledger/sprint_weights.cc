// Sprint: what becomes of everybody's weight when the epoch ends.

#include <algorithm>
#include <map>

#include "gonka/rewards/sprint.h"
#include "ledger/sprint.h"

namespace gonka::ledger {
namespace {

// Over all models of one participant.
struct Earned {
  uint64_t proven = 0;
  uint64_t claimed = 0;  // Of void commits.
  bool has_false = false;
};

std::map<AccountId, Earned> SumUp(BlockState& state, uint64_t epoch) {
  std::map<AccountId, Earned> sums;
  for (const SprintSubject& subject : SprintSubjects(state, epoch)) {
    // Time ran out.
    if (!state.sprint_entries.Get(subject.key()).outcome) {
      DecideSprint(state, subject, SprintOutcome::kVoid, 0);
    }
    const SprintEntry& entry = state.sprint_entries.Get(subject.key());
    Earned& earned = sums[subject.participant];
    switch (*entry.outcome) {
      case SprintOutcome::kProven:
        earned.proven += entry.weight;
        break;
      case SprintOutcome::kFalse:
        earned.has_false = true;
        break;
      case SprintOutcome::kVoid:
        earned.claimed += entry.weight;
        break;
    }
  }
  return sums;
}

// What nobody could decide helps nobody to more than it has had.
uint64_t WeightOf(const Earned& earned, uint64_t before) {
  if (earned.has_false) return 0;
  const uint64_t room = before - std::min(before, earned.proven);
  return std::min(earned.proven + std::min(earned.claimed, room), rewards::kSprintWeightCap);
}

std::map<AccountId, uint64_t> NewWeights(BlockState& state, uint64_t epoch) {
  std::map<AccountId, Earned> sums = SumUp(state, epoch);
  std::map<AccountId, uint64_t> weights;
  for (const Key& key : state.participants.Keys(Key('p'))) {
    const AccountId id{KeyReader(key.span()).NextHash()};
    const Participant& participant = state.participants.Get(key);
    if (!participant.removed) weights[id] = WeightOf(sums[id], participant.weight);
  }
  return weights;
}

bool IsVoid(BlockState& state, uint64_t epoch) {
  const Sprint* sprint = state.sprints.Find(keys::OfSprint(epoch));
  return sprint == nullptr || sprint->is_void || sprint->phase < SprintPhase::kCheck;
}

}  // namespace

uint64_t NewcomerWeight(const Params& params) {
  return params.sprint.lead_blocks > 0 ? 0 : params.money.newcomer_weight;
}

void EarnWeights(BlockState& state, uint64_t epoch) {
  if (state.params.sprint.lead_blocks == 0) return;
  if (IsVoid(state, epoch)) return state.Tell(SprintVoid{.epoch = epoch});
  const std::map<AccountId, uint64_t> weights = NewWeights(state, epoch);
  const bool any = std::any_of(weights.begin(), weights.end(),
                               [](const auto& entry) { return entry.second > 0; });
  // Not even if all were false: somebody must be left to run the next Sprint.
  if (!any) return state.Tell(SprintVoid{.epoch = epoch});
  for (const auto& [id, weight] : weights) {
    const Key key = keys::OfParticipant(id);
    const uint64_t before = state.participants.Get(key).weight;
    if (before == weight) continue;
    state.participants.Change(key).weight = weight;
    state.Tell(
        WeightEarned{.epoch = epoch + 1, .participant = id, .before = before, .after = weight});
  }
}

}  // namespace gonka::ledger
