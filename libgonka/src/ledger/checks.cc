#include "ledger/checks.h"

#include <algorithm>

#include "gonka/select/draw.h"
#include "ledger/maintenance.h"
#include "ledger/members.h"
#include "ledger/records.h"

namespace gonka::ledger {
namespace {

bool HasCommitted(const InferenceRecord& record, const AccountId& validator) {
  return std::any_of(record.verdicts.begin(), record.verdicts.end(),
                     [&](const VerdictCommit& commit) { return commit.validator == validator; });
}

}  // namespace

std::vector<AccountId> ValidatorsOf(const EpochTable& table, const select::WeightTable& serving,
                                    const InferenceRecord& record, size_t limit) {
  const Assignment& assignment = record.assignment;
  std::vector<size_t> excluded;
  const auto exclude = [&](const AccountId& id) {
    if (const std::optional<size_t> index = MemberIndex(table, id)) excluded.push_back(*index);
  };
  exclude(assignment.executor);
  exclude(assignment.request.ta);
  for (const VerdictCommit& commit : record.verdicts) {
    if (record.rechecked && !commit.recheck) exclude(commit.validator);
  }
  const Hash seed = TaggedHash("gonka/draw/validators/1", record.check_seed);
  std::vector<AccountId> validators;
  for (const size_t index : serving.Order(seed, std::move(excluded), limit)) {
    validators.push_back(table.members[index].id);
  }
  if (validators.size() >= limit || record.rechecked) return validators;
  const std::optional<size_t> ta = MemberIndex(table, assignment.request.ta);
  if (ta && table.members[*ta].weight > 0 && Serves(table.members[*ta], assignment.request.model)) {
    validators.push_back(assignment.request.ta);
  }
  return validators;
}

std::vector<AccountId> ValidatorsOf(BlockState& state, const InferenceRecord& record,
                                    size_t limit) {
  const Request& request = record.assignment.request;
  return ValidatorsOf(state.epochs.Get(keys::OfEpoch(request.epoch)),
                      state.ServingWeights(request.epoch, request.model), record, limit);
}

void DrawCheck(BlockState& state, const InferenceId& id, const Hash& seed) {
  const InferenceRecord* found = state.records.Find(keys::Of(id));
  if (found == nullptr || found->settled || found->check_closed) return;
  InferenceRecord& record = state.records.Change(keys::Of(id));
  record.check_seed = seed;
  record.check_selected = select::IsSelected(seed, record.check_rate);
  record.assigned_height = state.height();
  record.turn_height = state.height();
  CheckDrawn notice{.inference = id,
                    .selected = record.check_selected,
                    .rate = record.check_rate,
                    .validators = {}};
  if (record.check_selected) {
    notice.validators = ValidatorsOf(state, record, notice.validators.kMax);
    state.index.PutNew(keys::OfOpenCheck(id), {});
  } else {
    record.status = InferenceStatus::kUnchecked;
    record.check_closed = true;
  }
  state.Tell(std::move(notice));
}

void CloseCheck(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  if (record.check_selected && !record.check_closed) state.index.Erase(keys::OfOpenCheck(id));
  record.check_closed = true;
}

void StopCheck(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  if (record.check_closed) return;
  if (PendingCommit(state.params, record, state.height()) != nullptr) record.verdicts.pop_back();
  CloseCheck(state, id, record);
}

uint64_t CountOnDuty(const Params& params, const InferenceRecord& record, uint64_t height) {
  if (height < record.turn_height) return record.turn;
  return record.turn + (height - record.turn_height) / params.time.check_window_blocks + 1;
}

const VerdictCommit* PendingCommit(const Params& params, const InferenceRecord& record,
                                   uint64_t height) {
  if (record.verdicts.empty()) return nullptr;
  const VerdictCommit& last = record.verdicts.back();
  const bool lapsed = height >= last.reveal_from + params.time.check_window_blocks;
  return last.reveal || lapsed ? nullptr : &last;
}

CheckDuty DutyIn(const EpochTable& table, const select::WeightTable& serving, const Params& params,
                 const InferenceRecord& record, const AccountId& validator, uint64_t height) {
  const Assignment& assignment = record.assignment;
  const std::optional<size_t> member = MemberIndex(table, validator);
  const bool ta_again = record.rechecked && validator == assignment.request.ta;
  const bool eligible = member && validator != assignment.executor && !ta_again &&
                        table.members[*member].weight > 0 &&
                        Serves(table.members[*member], assignment.request.model);
  if (!eligible) return {.code = TxCode::kNotAssigned};
  if (HasCommitted(record, validator)) return {.code = TxCode::kAlreadyDone};
  if (PendingCommit(params, record, height) != nullptr) return {.code = TxCode::kTooEarly};
  const std::vector<AccountId> on_duty =
      ValidatorsOf(table, serving, record, CountOnDuty(params, record, height));
  const auto found = std::find(on_duty.begin(), on_duty.end(), validator);
  if (found == on_duty.end()) return {.code = TxCode::kTooEarly};
  const auto place = static_cast<uint64_t>(found - on_duty.begin());
  CheckDuty duty{.code = TxCode::kOk, .place = place, .reveal_from = height + 1};
  if (place >= record.turn) {
    const uint64_t window_end =
        record.turn_height + (place - record.turn + 1) * params.time.check_window_blocks;
    duty.reveal_from = std::max(duty.reveal_from, window_end);
  }
  return duty;
}

void CountCheckMiss(BlockState& state, const InferenceRecord& record, const AccountId& validator,
                    uint64_t window_from) {
  const uint64_t until = window_from + state.params.time.check_window_blocks - 1;
  if (WasAway(state, validator, window_from, until)) return;
  CountMiss(state, record.assignment.request.epoch, validator, 2);
}

void CountMissedChecks(BlockState& state, const InferenceRecord& record) {
  if (!record.check_selected) return;
  for (const VerdictCommit& commit : record.verdicts) {
    if (!commit.reveal) CountCheckMiss(state, record, commit.validator, commit.reveal_from);
  }
  if (record.check_closed) return;
  // The last one on duty still has its window.
  const uint64_t passed = CountOnDuty(state.params, record, state.height()) - 1;
  const std::vector<AccountId> validators = ValidatorsOf(state, record, passed);
  const uint64_t window = state.params.time.check_window_blocks;
  for (size_t i = record.turn; i < validators.size(); ++i) {
    if (HasCommitted(record, validators[i])) continue;
    CountCheckMiss(state, record, validators[i], record.turn_height + (i - record.turn) * window);
  }
}

}  // namespace gonka::ledger
