#pragma once

// What each event does: kOk and its effects, or why not; what a refused event changed is taken back
// by the caller.

#include "gonka/protocol/tx.h"
#include "ledger/block_state.h"

namespace gonka::ledger {

TxCode Apply(BlockState& state, const AccountId& sender, const Register& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Transfer& event);
TxCode Apply(BlockState& state, const AccountId& sender, const DepositCollateral& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Allow& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Start& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Finish& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Delivered& event);
TxCode Apply(BlockState& state, const AccountId& sender, const ValidateCommit& event);
TxCode Apply(BlockState& state, const AccountId& sender, const ValidateReveal& event);
TxCode Apply(BlockState& state, const AccountId& sender, const VoteCommit& event);
TxCode Apply(BlockState& state, const AccountId& sender, const VoteReveal& event);
TxCode Apply(BlockState& state, const AccountId& sender, const CommitBeacon& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Delegate& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Revoke& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Propose& event);
TxCode Apply(BlockState& state, const AccountId& sender, const VoteProposal& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Challenge& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Update& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Leave& event);
TxCode Apply(BlockState& state, const AccountId& sender, const WithdrawCollateral& event);
TxCode Apply(BlockState& state, const AccountId& sender, const Maintain& event);
TxCode Apply(BlockState& state, const AccountId& sender, const SprintCommit& event);
TxCode Apply(BlockState& state, const AccountId& sender, const SprintVerdictCommit& event);
TxCode Apply(BlockState& state, const AccountId& sender, const SprintVerdictReveal& event);
TxCode Apply(BlockState& state, const AccountId& sender, const SprintExpose& event);

// Refuses what a participant that was removed for fraud may not do any more, and strangers.
TxCode CheckParticipant(BlockState& state, const AccountId& id);
// And one that does not take part in this epoch any more, because it has left.
TxCode CheckNotLeft(BlockState& state, const AccountId& id, uint64_t epoch);

}  // namespace gonka::ledger
