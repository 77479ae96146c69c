#pragma once

// What it costs to have judged wrongly: the bond, which the caller has moved to the treasury, and a
// step of reputation. A rejected accusation and an overturned pass cost the same; a developer whose
// challenge is rejected has no reputation to lose.

#include "ledger/block_state.h"

namespace gonka::ledger {

void Penalise(BlockState& state, const InferenceId& inference, const AccountId& who, Amount bond,
              PenaltyReason reason);

}  // namespace gonka::ledger
