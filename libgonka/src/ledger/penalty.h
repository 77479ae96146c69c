#pragma once

// What it costs to have judged wrongly: the bond, which goes to the treasury, and a step of
// reputation. A rejected accusation and an overturned pass cost the same; a developer whose challenge
// is rejected has no reputation to lose.

#include "ledger/money.h"

namespace gonka::ledger {

void Penalise(BlockState& state, const InferenceId& inference, const AccountId& who, Purse from,
              Amount bond, PenaltyReason reason);

}  // namespace gonka::ledger
