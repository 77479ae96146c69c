#pragma once

// How the live network draws, for comparison with its published numbers. Our rules do not use
// these: see doc/decisions/0010-assigned-checks.md.

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "gonka/base/bytes.h"

namespace gonka::select::live {

// The numerator of U(seed, id) = BE64(SHA-256("<seed>:<id>")[0:8]) / (2^64 - 1), seed in signed
// decimal.
uint64_t DrawNumerator(int64_t seed, std::string_view id);

// numerator / (2^64 - 1) in units of 10^-16, to the nearest, halves up: what its sources print.
uint64_t ToDecimal16(uint64_t numerator);

// Slots of a committee that fall to each member: slot i goes to the weighted member at
// BE64(SHA-256(app_hash || participant || model || decimal i)) mod total. Members in order of
// address; the total of the weights must be positive.
std::vector<uint64_t> CommitteeSlots(std::string_view app_hash, std::string_view participant,
                                     std::string_view model, std::span<const uint64_t> weights,
                                     uint64_t slots);

}  // namespace gonka::select::live
