#pragma once

// Who takes part from when to when, under which terms. What events change acts from the next epoch,
// whose table is frozen at its first block.

#include "ledger/block_state.h"

namespace gonka::ledger {

inline bool HasLeft(const Participant& participant, uint64_t epoch) {
  return participant.last_epoch && *participant.last_epoch < epoch;
}

// At an epoch's first block, before its table is frozen.
void AdoptTerms(BlockState& state);

// Once an epoch is forgotten: forgets those who had left before it was over, whose collateral is
// home and who have nothing on record, so that others find room.
void ForgetLeavers(BlockState& state);

}  // namespace gonka::ledger
