#pragma once

// The live network's rules where ours differ on purpose, for comparison with its published numbers.
// Our rules do not use these: see doc/decisions/0010-assigned-checks.md and
// 0011-reputation-and-misses.md.

#include <cstdint>
#include <optional>
#include <span>

#include "gonka/protocol/genesis.h"

namespace gonka::reputation::live {

// One validator's own probability of checking: min(1, target * validator / (total - executor)),
// with target = max - (max - min(T)) * reputation. A fraction, exact; zero where total <= executor.
// max may be above one here.
struct Fraction {
  unsigned __int128 numerator = 0;
  unsigned __int128 denominator = 1;
};
struct Powers {
  uint64_t total = 0;  // Each below 2^40.
  uint64_t validator = 0;
  uint64_t executor = 0;
};
Fraction CheckProbability(Ppm rate_max, Ppm rate_min, uint32_t reputation_percent,
                          const Powers& powers);
// U < p for U = draw_numerator / (2^64 - 1).
bool ShouldCheck(uint64_t draw_numerator, const Fraction& probability);
// numerator / denominator in units of 10^-4, to the nearest.
uint64_t ToDecimal4(const Fraction& fraction);

// 100 * trunc2((epochs - sum of misses above the cut-off * penalty) / epochs_to_max), in 0..100.
uint32_t ReputationPercent(uint32_t epochs, std::span<const Ppm> misses, uint32_t epochs_to_max,
                           Ppm penalty, Ppm cut_off);

// MissLimit of the largest row of {2..10, 20, 30, ..., 990} that is at most n; above 990
// floor(n * p). n below 2 has no row: n itself.
uint32_t MissLimitByRow(uint32_t n, Ppm p);

// Steps of a sequential probability ratio test, in units of 10^-12, to the nearest: for an event
// ln(p1 / p0), for its absence ln((1 - p1) / (1 - p0)). Both in (0, 1).
struct TestSteps {
  int64_t event = 0;
  int64_t absence = 0;
};
TestSteps SequentialTestSteps(Ppm p1, Ppm p0);

}  // namespace gonka::reputation::live
