#pragma once

// Logarithm and exponential by IEEE double + - * / alone, in a stated order (doc/sampler.md), so
// that every machine and every compiler gets the same bits. Build with -ffp-contract=off.
//
// Both are branch-free where it matters and inline, so that loops over them vectorise; lanes never
// mix, so vector width cannot change a result.

#include <bit>
#include <cstdint>

namespace gonka::engine::internal {

inline constexpr double kLn2High = 0x1.62e42fefa38p-1;  // Low 11 bits zero: k * kLn2High is exact.
inline constexpr double kLn2Low = 0x1.ef35793c7673p-45;
inline constexpr double kLog2E = 0x1.71547652b82fep+0;
inline constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;

// Natural logarithm of a positive normal double, within two units in the last place.
// x = m 2^k with m in (1/sqrt 2, sqrt 2], s = (m - 1) / (m + 1), log m = 2 atanh s by its series.
inline double Log(double x) {
  const uint64_t bits = std::bit_cast<uint64_t>(x);
  double k = static_cast<double>(static_cast<int32_t>(bits >> 52) - 1023);
  double m = std::bit_cast<double>((bits & 0xfffffffffffffULL) | 0x3ff0000000000000ULL);
  if (m > kSqrt2) {
    m = m * 0.5;
    k = k + 1.0;
  }
  const double f = m - 1.0;
  const double s = f / (2.0 + f);
  const double z = s * s;
  double p = 2.0 / 25.0;
  p = p * z + 2.0 / 23.0;
  p = p * z + 2.0 / 21.0;
  p = p * z + 2.0 / 19.0;
  p = p * z + 2.0 / 17.0;
  p = p * z + 2.0 / 15.0;
  p = p * z + 2.0 / 13.0;
  p = p * z + 2.0 / 11.0;
  p = p * z + 2.0 / 9.0;
  p = p * z + 2.0 / 7.0;
  p = p * z + 2.0 / 5.0;
  p = p * z + 2.0 / 3.0;
  const double tail = (s * z) * p + k * kLn2Low;
  return k * kLn2High + (2.0 * s + tail);
}

// e^x for -700 <= x <= 0, within two units in the last place: x = k ln 2 + r, Taylor series in r.
inline double Exp(double x) {
  const int32_t k = static_cast<int32_t>(x * kLog2E - 0.5);  // Towards zero.
  const double kd = static_cast<double>(k);
  const double r = (x - kd * kLn2High) - kd * kLn2Low;
  double p = 1.0 / 6227020800.0;  // 1/13!
  p = p * r + 1.0 / 479001600.0;
  p = p * r + 1.0 / 39916800.0;
  p = p * r + 1.0 / 3628800.0;
  p = p * r + 1.0 / 362880.0;
  p = p * r + 1.0 / 40320.0;
  p = p * r + 1.0 / 5040.0;
  p = p * r + 1.0 / 720.0;
  p = p * r + 1.0 / 120.0;
  p = p * r + 1.0 / 24.0;
  p = p * r + 1.0 / 6.0;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  return p * std::bit_cast<double>(static_cast<uint64_t>(static_cast<int64_t>(k) + 1023) << 52);
}

}  // namespace gonka::engine::internal
