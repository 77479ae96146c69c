#include "gonka/reputation/live_network.h"

#include <algorithm>
#include <bit>

#include "gonka/reputation/misses.h"

namespace gonka::reputation::live {
namespace {

using Wide = unsigned __int128;

// Fixed point with 62 bits after the point.
constexpr int kFractionBits = 62;
constexpr uint64_t kOne = uint64_t{1} << kFractionBits;

uint64_t Times(uint64_t a, uint64_t b) {
  return static_cast<uint64_t>(Wide{a} * b >> kFractionBits);
}

// ln(a / b) for b <= a < 2b: 2 artanh((a - b) / (a + b)) by its series, whose terms fall ninefold.
uint64_t LnBelowTwo(uint64_t a, uint64_t b) {
  const uint64_t z = static_cast<uint64_t>((Wide{a - b} << kFractionBits) / (a + b));
  const uint64_t z_squared = Times(z, z);
  uint64_t sum = 0;
  uint64_t power = z;
  for (uint64_t k = 1; power > 0; k += 2) {
    sum += power / k;
    power = Times(power, z_squared);
  }
  return 2 * sum;
}

// ln(a / b) in units of 10^-12 for 0 < b <= a < 2^32, rounded to the nearest.
int64_t LnPico(uint64_t a, uint64_t b) {
  int halvings = 0;
  while (a >= 2 * b) {
    b *= 2;
    ++halvings;
  }
  const Wide ln = Wide{LnBelowTwo(2, 1)} * static_cast<uint64_t>(halvings) + LnBelowTwo(a, b);
  return static_cast<int64_t>((ln * 1'000'000'000'000 + kOne / 2) >> kFractionBits);
}

int64_t SignedLnPico(uint64_t a, uint64_t b) {
  return a >= b ? LnPico(a, b) : -LnPico(b, a);
}

// The largest row of the published table that is at most n.
uint32_t Row(uint32_t n) {
  return n <= 10 ? n : std::min<uint32_t>(n / 10 * 10, 990);
}

}  // namespace

Fraction CheckProbability(Ppm rate_max, Ppm rate_min, uint32_t reputation_percent,
                          const Powers& powers) {
  GONKA_CHECK(rate_min <= rate_max && reputation_percent <= 100);
  if (powers.total <= powers.executor) return {};
  const uint64_t fall = uint64_t{rate_max.value - rate_min.value} * reputation_percent;
  const uint64_t target = uint64_t{rate_max.value} * 100 - fall;  // In 10^-8.
  const Fraction share{.numerator = Wide{target} * powers.validator,
                       .denominator = Wide{100'000'000} * (powers.total - powers.executor)};
  return share.numerator < share.denominator ? share : Fraction{.numerator = 1, .denominator = 1};
}

bool ShouldCheck(uint64_t draw_numerator, const Fraction& probability) {
  // draw / (2^64 - 1) < numerator / denominator. The denominator is below 2^67, so the products
  // are compared with the draw split into halves: floor(draw * denominator / (2^64 - 1)) and rest.
  const Wide whole = probability.denominator / UINT64_MAX * draw_numerator;
  const Wide rest = probability.denominator % UINT64_MAX * draw_numerator;
  const Wide floor = whole + rest / UINT64_MAX;
  return floor < probability.numerator;
}

uint64_t ToDecimal4(const Fraction& fraction) {
  return static_cast<uint64_t>((fraction.numerator * 10'000 + fraction.denominator / 2) /
                               fraction.denominator);
}

uint32_t ReputationPercent(uint32_t epochs, std::span<const Ppm> misses, uint32_t epochs_to_max,
                           Ppm penalty, Ppm cut_off) {
  GONKA_CHECK(epochs_to_max > 0);
  uint64_t cost = 0;  // In 10^-12 epochs.
  for (const Ppm& missed : misses) {
    if (missed > cut_off) cost += uint64_t{missed.value} * penalty.value;
  }
  const uint64_t earned = uint64_t{epochs} * 1'000'000'000'000;
  if (cost >= earned) return 0;
  const uint64_t percent =
      MulDivFloor(earned - cost, 100, uint64_t{epochs_to_max} * 1'000'000'000'000);
  return static_cast<uint32_t>(std::min<uint64_t>(percent, 100));
}

uint32_t MissLimitByRow(uint32_t n, Ppm p) {
  if (n > 990) return static_cast<uint32_t>(MulDivFloor(n, p.value, Ppm::kOne));
  return MissLimit(Row(n), p);
}

TestSteps SequentialTestSteps(Ppm p1, Ppm p0) {
  GONKA_CHECK(p1.value > 0 && p0.value > 0 && p1.value < Ppm::kOne && p0.value < Ppm::kOne);
  return {.event = SignedLnPico(p1.value, p0.value),
          .absence = SignedLnPico(Ppm::kOne - p1.value, Ppm::kOne - p0.value)};
}

}  // namespace gonka::reputation::live
