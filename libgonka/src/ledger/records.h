#pragma once

// The life of a record, shared by the events that move it on.

#include "gonka/protocol/tx.h"
#include "ledger/block_state.h"

namespace gonka::ledger {

// All the checks of a new record and its effects: escrow, indexes, blame for skipped attempts. By
// the transfer agent's Start or within the executor's Finish.
TxCode OpenRecord(BlockState& state, const Assignment& assignment);

// Escrow or rest of it, back to where it came from: the allowance.
void ReturnEscrow(BlockState& state, InferenceRecord& record, Amount amount);

// The rate at which its answer will be checked, by the executor's reputation now.
Ppm RateAtOpening(BlockState& state, const Assignment& assignment);

// A finished record: facts, counts, the check's draw. The cost is what is held already.
void Complete(BlockState& state, const Finish& event, InferenceRecord& record);

// Ends a record that was never finished: the escrow goes home. Blame is the caller's.
void CloseUnfinished(BlockState& state, const InferenceId& id, InferenceRecord& record,
                     RefundReason reason);

// What is held goes to the developer's balance, or to the transfer agent whose it was, once.
void RefundHeld(BlockState& state, const InferenceId& id, InferenceRecord& record,
                RefundReason reason);

// Finish and Delivered are both in: compares them and tells. May convict the executor.
void CompareDelivery(BlockState& state, const InferenceId& id, InferenceRecord& record);

// At the end of a block: expires the records whose time is up.
void ExpireRecords(BlockState& state);
void ExpireRecord(BlockState& state, const InferenceId& id, InferenceRecord& record);

// A duty that was due in this epoch and not, or half, done.
void CountMiss(BlockState& state, uint64_t epoch, const AccountId& who, uint32_t halves);
// Half a miss for each: the transfer agent says that the executor was silent, and nothing proves
// it.
void ShareBlame(BlockState& state, uint64_t epoch, const AccountId& executor, const AccountId& ta);

Key WorkKey(BlockState& state, const InferenceId& id, const Assignment& assignment);

}  // namespace gonka::ledger
