#pragma once

// Weight from a Sprint's proven work.

#include <cstdint>

namespace gonka::rewards {

// count results, of which `samples` (at least one) were looked at and `proven` found right, each
// worth weight_millionths: count * proven * weight_millionths / (samples * 10^6), rounded down;
// never above kSprintWeightCap. So who claims more results than it has computed expects no more
// weight.
uint64_t SprintWeight(uint32_t count, uint32_t proven, uint32_t samples,
                      uint32_t weight_millionths);

// All weights of a network must stay summable in 64 bits.
inline constexpr uint64_t kSprintWeightCap = uint64_t{1} << 48;

}  // namespace gonka::rewards
