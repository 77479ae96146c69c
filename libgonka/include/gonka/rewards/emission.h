#pragma once

// Coins minted for an epoch.

#include "gonka/base/amount.h"

namespace gonka::rewards {

// floor(initial * f^epoch), f = 0.9995251127946402 (e^-0.000475 to 16 digits). Powers are taken by
// squaring, from the lowest bit of epoch up, in 127-bit fixed point, f itself and each product
// rounded down, so every implementation gets the same coins. Reaches zero in time.
Amount Emission(Amount initial, uint64_t epoch);

}  // namespace gonka::rewards
