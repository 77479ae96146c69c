#include "ledger/recheck.h"

#include <algorithm>

#include "gonka/select/draw.h"
#include "ledger/checks.h"
#include "ledger/collateral.h"
#include "ledger/penalty.h"

namespace gonka::ledger {
namespace {

bool IsPass(const VerdictCommit& commit) {
  return commit.reveal && commit.reveal->verdict == Verdict::kPass;
}

}  // namespace

bool HasPass(const InferenceRecord& record) {
  return std::any_of(record.verdicts.begin(), record.verdicts.end(), IsPass);
}

void DrawRecheck(BlockState& state, const InferenceId& id, const Hash& seed) {
  const InferenceRecord* found = state.records.Find(keys::Of(id));
  // Challenged, convicted or settled meanwhile.
  if (found == nullptr || found->settled || found->status != InferenceStatus::kValidated) return;
  if (!select::IsSelected(seed, state.params.check.recheck_rate)) return;
  InferenceRecord again = *found;
  again.rechecked = true;
  again.check_seed = seed;
  again.check_closed = false;
  again.assigned_height = state.height();
  again.turn = 0;
  again.turn_height = state.height();
  RecheckDrawn notice{.inference = id, .validators = {}};
  notice.validators = ValidatorsOf(state, again, notice.validators.kMax);
  if (notice.validators.empty()) return;  // Nobody else serves the model.
  state.records.Put(keys::Of(id), std::move(again));
  state.index.Put(keys::OfOpenCheck(id), {});
  state.Tell(std::move(notice));
}

void OverturnPasses(BlockState& state, const InferenceId& id, const InferenceRecord& record) {
  if (!HasPass(record)) return;
  const Assignment& assignment = record.assignment;
  Standing& executor =
      state.standings.Ensure(keys::OfStanding(assignment.request.epoch, assignment.executor));
  GONKA_CHECK(executor.passes > 0);
  --executor.passes;
  for (const VerdictCommit& commit : record.verdicts) {
    if (!IsPass(commit)) continue;
    Participant& author = state.participants.Change(keys::OfParticipant(commit.validator));
    const Amount bond = TakeStake(state, author, Treasury(), state.params.money.accusation_bond);
    Penalise(state, id, commit.validator, bond, PenaltyReason::kOverturnedPass);
  }
}

}  // namespace gonka::ledger
