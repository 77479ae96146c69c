#pragma once

// A transfer agent that takes tokens from one executor and then turns to another one pays the first
// itself for what it has acknowledged: the developer never pays twice for one request, and whoever
// of the two is recorded first makes no difference.

#include "gonka/protocol/tx.h"
#include "ledger/block_state.h"

namespace gonka::ledger {

// Whether the answer may end as this Finish says: one that was cancelled needs the transfer agent's
// word about just its tokens.
TxCode CheckEnding(BlockState& state, const Assignment& assignment, const Finish& event);
// Of a Finish that has passed: it ends with an acknowledgement, not with a cancel.
bool IsBrokenOff(BlockState& state, const Assignment& assignment, const Finish& event);

// A later attempt of this assignment's request is on the ledger.
bool IsTurnedFrom(BlockState& state, const Assignment& assignment);

// The executor's Finish after that: held from the transfer agent's stake, as far as that goes, for
// prompt and acknowledged tokens. The half miss of the executor becomes the transfer agent's.
TxCode ClaimAbandoned(BlockState& state, const Assignment& assignment, const Finish& event);

// The other order: the record is finished and broken off, a later attempt is about to be opened.
// The developer has its coins back, the transfer agent's are held instead.
void ChargeAgent(BlockState& state, const InferenceId& id, InferenceRecord& record);

}  // namespace gonka::ledger
