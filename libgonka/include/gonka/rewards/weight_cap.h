#pragma once

// No participant counts for more than a part of the network.

#include <cstdint>
#include <span>
#include <vector>

#include "gonka/base/amount.h"

namespace gonka::rewards {

// Effective weights, in the same order: the largest are cut to one common value, so that after the
// cut none is above cap of the sum; all others stay. The value rounds down. Two participants may
// hold 50 % each, three 40 %, and n so many that no cap below 1/n can hold get 1/n; a cap above
// these stays. Zero weights stay zero and do not count as participants. The sum must be below 2^63.
std::vector<uint64_t> CapWeights(std::span<const uint64_t> weights, Ppm cap);

}  // namespace gonka::rewards
