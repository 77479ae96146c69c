#include "gonka/reputation/reputation.h"

#include <algorithm>

namespace gonka::reputation {

Ppm NextReputation(const ReputationParams& params, Ppm before, const EpochConduct& conduct) {
  GONKA_CHECK(params.epochs_to_full > 0);
  if (conduct.convicted) return Ppm{0};
  if (JudgeMisses(params, conduct.misses) == MissJudgement::kBeyondBadLuck) {
    const Ppm kept = Availability(params, conduct.misses);
    return Ppm{static_cast<uint32_t>(MulDivFloor(before.value, kept.value, Ppm::kOne))};
  }
  const uint64_t step = (uint64_t{Ppm::kOne} + params.epochs_to_full - 1) / params.epochs_to_full;
  if (conduct.fails > 0) {
    const uint64_t lost = std::min<uint64_t>(step * conduct.fails, before.value);
    return Ppm{static_cast<uint32_t>(before.value - lost)};
  }
  if (conduct.passes < params.passes_min) return before;
  return Ppm{static_cast<uint32_t>(std::min<uint64_t>(before.value + step, Ppm::kOne))};
}

}  // namespace gonka::reputation
