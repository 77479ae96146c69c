#pragma once

// What one block writes.

#include "gonka/ledger/ledger.h"
#include "gonka/protocol/genesis.h"
#include "store/kv.h"

namespace gonka::store {

std::vector<Mutation> GenesisMutations(const Genesis& genesis, const ledger::BlockResult& result);
std::vector<Mutation> BlockMutations(const Tip& before, const Block& block,
                                     const ledger::BlockResult& result);
// The tip after a block's mutations.
Tip TipOf(const std::vector<Mutation>& mutations);
// A state that came whole: no leaves, and no history but its frontier.
std::vector<Mutation> StateMutations(const Genesis& genesis, const Block& block,
                                     const MerkleFrontier& history,
                                     std::span<const StateWrite> state);

}  // namespace gonka::store
