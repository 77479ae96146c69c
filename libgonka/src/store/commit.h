#pragma once

// What one block writes.

#include "gonka/ledger/ledger.h"
#include "gonka/protocol/genesis.h"
#include "store/kv.h"

namespace gonka::store {

std::vector<Mutation> GenesisMutations(const Genesis& genesis, const ledger::BlockResult& result);
std::vector<Mutation> BlockMutations(const Tip& before, const Block& block,
                                     const ledger::BlockResult& result);

}  // namespace gonka::store
