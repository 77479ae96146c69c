#pragma once

// What happens at heights, not by events. first height of epoch e + epoch_blocks begins epoch
// e + 1; settle_blocks later e is settled; retained_epochs later it is forgotten.

#include "ledger/block_state.h"

namespace gonka::ledger {

bool BeginsEpoch(const BlockState& state);

// Committed chain ends take effect; before the header's link is looked at.
void AdoptChainEnds(BlockState& state);
// Freezes the next epoch's table; after the link has moved the beacon.
void BeginEpoch(BlockState& state);
void PutEpochTable(BlockState& state, uint64_t epoch, uint64_t first_height);

// At the end of this block the epoch is settled.
uint64_t SettlementHeight(BlockState& state, uint64_t epoch);
// The epoch that is settled at this height, if one is.
std::optional<uint64_t> EpochToSettle(BlockState& state);
void SettleEpoch(BlockState& state, uint64_t epoch);

// Forgets at most a bounded number of entries of epochs that are past their retention.
void Prune(BlockState& state);

}  // namespace gonka::ledger
