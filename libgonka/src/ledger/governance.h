#pragma once

// Proposals: counted when their vote ends, carried out at the first block of an epoch.

#include "ledger/block_state.h"

namespace gonka::ledger {

// The newest version of the rules that this program knows.
inline constexpr uint32_t kRulesKnown = 1;

// At the first block of an epoch, before its table is frozen: what has passed and is due, in order
// of number.
void ActivateProposals(BlockState& state);
// At the end of a block: counts the votes of proposals whose time is up.
void CountVotes(BlockState& state);

}  // namespace gonka::ledger
