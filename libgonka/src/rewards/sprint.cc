#include "gonka/rewards/sprint.h"

#include <algorithm>

#include "gonka/base/check.h"

namespace gonka::rewards {

uint64_t SprintWeight(uint32_t count, uint32_t proven, uint32_t samples,
                      uint32_t weight_millionths) {
  GONKA_CHECK(samples > 0 && proven <= samples);
  using Wide = unsigned __int128;
  const Wide weight = Wide{count} * proven * weight_millionths / (Wide{samples} * 1'000'000);
  return static_cast<uint64_t>(std::min(weight, Wide{kSprintWeightCap}));
}

}  // namespace gonka::rewards
