#pragma once

// Coins and ratios. Money is an integer of base units with a published bound; a ratio is parts per
// million. Every function that divides says which way it rounds.

#include <compare>
#include <cstdint>
#include <optional>

#include "gonka/base/check.h"

namespace gonka {

// Coins, in base units. At most kMax, so that a sum of two always fits.
// + and - check: an overflow there is our mistake, so test input with CheckedAdd / CheckedMul
// first.
class Amount {
 public:
  static constexpr uint64_t kMax = uint64_t{1} << 62;

  constexpr Amount() = default;
  constexpr explicit Amount(uint64_t units) : units_(units) { GONKA_CHECK(units <= kMax); }

  constexpr uint64_t units() const { return units_; }
  constexpr auto operator<=>(const Amount&) const = default;

  constexpr Amount operator+(Amount other) const { return Amount(units_ + other.units_); }
  constexpr Amount operator-(Amount other) const {
    GONKA_CHECK(units_ >= other.units_);
    return Amount(units_ - other.units_);
  }
  constexpr Amount& operator+=(Amount other) { return *this = *this + other; }
  constexpr Amount& operator-=(Amount other) { return *this = *this - other; }

 private:
  uint64_t units_ = 0;
};

constexpr std::optional<Amount> CheckedAdd(Amount a, Amount b) {
  if (a.units() > Amount::kMax - b.units()) return std::nullopt;
  return a + b;
}

// price x count, or nothing where the product is above Amount::kMax.
constexpr std::optional<Amount> CheckedMul(Amount price, uint64_t count) {
  const unsigned __int128 product = static_cast<unsigned __int128>(price.units()) * count;
  if (product > Amount::kMax) return std::nullopt;
  return Amount(static_cast<uint64_t>(product));
}

// floor(a * b / c) in 128 bits; c > 0 and the result must fit in 64 bits.
constexpr uint64_t MulDivFloor(uint64_t a, uint64_t b, uint64_t c) {
  GONKA_CHECK(c > 0);
  const unsigned __int128 quotient = static_cast<unsigned __int128>(a) * b / c;
  GONKA_CHECK(quotient <= UINT64_MAX);
  return static_cast<uint64_t>(quotient);
}

// Parts per million. May exceed one: a factor of 2 is 2,000,000.
struct Ppm {
  static constexpr uint32_t kOne = 1'000'000;
  uint32_t value = 0;

  constexpr auto operator<=>(const Ppm&) const = default;
};

// Rounds down; the remainder stays with whoever keeps amount - Share(...).
constexpr Amount Share(Amount amount, Ppm part) {
  return Amount(MulDivFloor(amount.units(), part.value, Ppm::kOne));
}

}  // namespace gonka
