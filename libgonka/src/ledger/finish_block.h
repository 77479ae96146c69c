#pragma once

#include "gonka/ledger/ledger.h"
#include "ledger/block_state.h"

namespace gonka::ledger {

// Writes, leaves and app hash of what the block has done.
BlockResult FinishBlock(BlockState& state, std::vector<Receipt> receipts);

}  // namespace gonka::ledger
