#include "gonka/reputation/misses.h"

#include <algorithm>

namespace gonka::reputation {
namespace {

using Wide = unsigned __int128;

// floor(sqrt(value)), bit by bit.
uint64_t SquareRoot(Wide value) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 63; bit > 0; bit >>= 1) {
    const uint64_t trial = root | bit;
    if (Wide{trial} * trial <= value) root = trial;
  }
  return root;
}

}  // namespace

uint32_t MissLimit(uint32_t n, Ppm p) {
  GONKA_CHECK(p.value <= Ppm::kOne);
  if (n <= 4) return n;
  // In millionths, with q = 10^6 p: n q + sqrt(1.6448536^2 n q (10^6 - q)). The product below the
  // root is below 2^118, and rounding the root down cannot change the floor of the whole.
  static constexpr uint64_t kZ = 16'448'536;
  static constexpr uint64_t kZScaleSquared = 100'000'000'000'000;
  const uint64_t mean = uint64_t{n} * p.value;
  const Wide variance = Wide{mean} * (Ppm::kOne - p.value);
  const uint64_t spread = SquareRoot(variance * (kZ * kZ) / kZScaleSquared);
  const uint64_t limit = std::max<uint64_t>(4, (mean + spread) / Ppm::kOne);
  return static_cast<uint32_t>(std::min<uint64_t>(limit, n));
}

// From above, step by step: the part of each is cut to its share of the last sum, until nothing is
// left to cut.
uint64_t CountedMisses(uint64_t proven_half, std::span<const uint64_t> unproven_half,
                       uint64_t agents) {
  const uint64_t parts = std::clamp<uint64_t>(agents, 1, 10);
  uint64_t counted = proven_half;
  for (const uint64_t claimed : unproven_half) counted += claimed;
  while (true) {
    uint64_t sum = proven_half;
    for (const uint64_t claimed : unproven_half) sum += std::min(claimed, counted / parts);
    if (sum == counted) return counted;
    counted = sum;
  }
}

MissJudgement JudgeMisses(const ReputationParams& params, const MissCount& count) {
  if (count.duties < params.miss_sample_min) return MissJudgement::kTooFewDuties;
  const uint64_t limit = MissLimit(count.duties, params.miss_rate);
  return count.misses_half > 2 * limit ? MissJudgement::kBeyondBadLuck : MissJudgement::kBadLuck;
}

Ppm Availability(const ReputationParams& params, const MissCount& count) {
  if (JudgeMisses(params, count) != MissJudgement::kBeyondBadLuck) return Ppm{Ppm::kOne};
  const uint64_t duties_half = 2 * uint64_t{count.duties};
  const uint64_t kept = duties_half - std::min(count.misses_half, duties_half);
  return Ppm{
      static_cast<uint32_t>(MulDivFloor(Ppm::kOne, kept, std::max<uint64_t>(duties_half, 1)))};
}

}  // namespace gonka::reputation
