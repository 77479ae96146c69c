#pragma once

// Draws that wait for the beacon. One that is queued in a block uses the second link after it, so
// that neither who wrote the block nor who proposes the next one alone can choose its outcome.

#include "ledger/block_state.h"

namespace gonka::ledger {

void QueueAllowanceDraw(BlockState& state, const AccountId& ta, const AccountId& developer);
void QueueCheckDraw(BlockState& state, const InferenceId& inference);
void QueueCommitteeDraw(BlockState& state, const CaseId& id);
void QueueSampleDraw(BlockState& state, const CaseId& id);
void QueueRecheckDraw(BlockState& state, const InferenceId& inference);
void QueueSprintDraw(BlockState& state, uint64_t epoch);
void QueueSprintSamplesDraw(BlockState& state, uint64_t epoch);

// At the end of a block: executes what has become due, in the order of the keys.
void RunDueDraws(BlockState& state);

}  // namespace gonka::ledger
