#pragma once

// A participant's stake: collateral, and what of it is on its way home (unbonding). Both are
// slashed.

#include "ledger/block_state.h"
#include "ledger/money.h"

namespace gonka::ledger {

// Burns this part of the stake, each piece rounded down; how much that was.
Amount Slash(BlockState& state, Participant& participant, Ppm part);

// Takes so much of the stake, or what there is, collateral first; how much that was.
Amount TakeStake(BlockState& state, Participant& participant, Purse to, Amount at_most);

// With the settlement of this epoch: the collateral of those who have left begins to unbond, and
// what has unbonded goes home.
void SettleCollateral(BlockState& state, uint64_t epoch);

}  // namespace gonka::ledger
