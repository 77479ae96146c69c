#pragma once

// Absences that were announced ahead: no duties, no blame, no emission for these blocks. Draws do
// not know of them, since tables are frozen; those who are away are passed over without blame.

#include "ledger/block_state.h"

namespace gonka::ledger {

// In any of these blocks, both ends included.
bool WasAway(BlockState& state, const AccountId& id, uint64_t from, uint64_t until);

// A transfer agent may have looked a grace ago.
bool IsPassedOver(BlockState& state, const AccountId& id);

// The part of an epoch, which is over, in which the participant was not away; rounded down.
Ppm PresentIn(BlockState& state, uint64_t epoch, const AccountId& id);

}  // namespace gonka::ledger
