#pragma once

// Emission that reaches its owner over vesting_epochs settlements, in equal parts. It is the
// owner's: neither leaving nor a later conviction takes it away.

#include "ledger/block_state.h"

namespace gonka::ledger {

// New coins: to the balance, or, where the network lets emission vest, on their way there. Of what
// does not divide evenly the last part has the remainder.
void MintVesting(BlockState& state, const AccountId& to, Amount amount);

// With each settlement, before its emission is paid.
void ReleaseVested(BlockState& state);

}  // namespace gonka::ledger
