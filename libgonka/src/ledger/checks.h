#pragma once

// Assigned checks: who is on duty for a record, and what becomes of it. queries.h (DutyOf) has the
// rule.

#include "gonka/ledger/queries.h"
#include "ledger/block_state.h"

namespace gonka::ledger {

// The draw that was queued when the record was completed.
void DrawCheck(BlockState& state, const InferenceId& id, const Hash& seed);

// The first limit of those who may check the record, in order. The table is its epoch's, and
// serving has the weights of those who serve its model, in the table's order.
std::vector<AccountId> ValidatorsOf(const EpochTable& table, const select::WeightTable& serving,
                                    const InferenceRecord& record, size_t limit);
std::vector<AccountId> ValidatorsOf(BlockState& state, const InferenceRecord& record, size_t limit);

// Nothing is checked any more: a verdict stands, or the record is refunded anyhow.
void CloseCheck(BlockState& state, const InferenceId& id, InferenceRecord& record);
// The same in the middle of a check: nobody is blamed for a verdict that is not wanted any more.
void StopCheck(BlockState& state, const InferenceId& id, InferenceRecord& record);

// A window, which began at this height, in which the validator did not act: its miss, unless it was
// announced to be away.
void CountCheckMiss(BlockState& state, const InferenceRecord& record, const AccountId& validator,
                    uint64_t window_from);

// At settlement: misses of those who were silent through their window, or after their commit.
void CountMissedChecks(BlockState& state, const InferenceRecord& record);

// How many of ValidatorOrder may act at this height, those before included.
uint64_t CountOnDuty(const Params& params, const InferenceRecord& record, uint64_t height);
// A commit that waits for its reveal, or may still get it.
const VerdictCommit* PendingCommit(const Params& params, const InferenceRecord& record,
                                   uint64_t height);

// What queries.h promises as DutyOf, but for `from`.
CheckDuty DutyIn(const EpochTable& table, const select::WeightTable& serving, const Params& params,
                 const InferenceRecord& record, const AccountId& validator, uint64_t height);

}  // namespace gonka::ledger
