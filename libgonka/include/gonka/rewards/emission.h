#pragma once

// Coins minted for an epoch.

#include "gonka/base/amount.h"

namespace gonka::rewards {

// floor(initial * f^epoch), f = e^-0.000475. Powers are taken by squaring, from the lowest bit of
// epoch up, in 127-bit fixed point, each product rounded down (doc/decisions has the constant), so
// every implementation gets the same coins. Reaches zero in time.
Amount Emission(Amount initial, uint64_t epoch);

}  // namespace gonka::rewards
