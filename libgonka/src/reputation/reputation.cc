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
  if (conduct.passes < params.passes_min) return before;
  const uint64_t step = (uint64_t{Ppm::kOne} + params.epochs_to_full - 1) / params.epochs_to_full;
  return Ppm{static_cast<uint32_t>(std::min<uint64_t>(before.value + step, Ppm::kOne))};
}

}  // namespace gonka::reputation
