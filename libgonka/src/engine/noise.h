#pragma once

// The sampler's noise: one Gumbel variate per (sampling seed, output position, vocabulary id), in
// any order. Philox4x32-10 gives 32 high bits to each id; the 20 low bits come from a second stream
// and are only asked for where they can matter. doc/sampler.md has the definition.

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "gonka/base/bytes.h"

namespace gonka::engine::internal {

using PhiloxBlock = std::array<uint32_t, 4>;
PhiloxBlock Philox(PhiloxBlock counter, uint32_t key0, uint32_t key1);

class Noise {
 public:
  Noise(const Hash& sampling_seed, uint32_t position);

  uint32_t High(uint32_t id) const { return Word(id, 0); }
  // The high words of out.size() ids from first_id on; both are multiples of kLanes.
  static constexpr uint32_t kLanes = 128;
  void Highs(uint32_t first_id, std::span<uint32_t> out) const;
  // -log(-log(u)) with u = (r + 1/2) / 2^52 and r = high * 2^20 + low / 2^12.
  double Gumbel(uint32_t id, uint32_t high) const;

 private:
  uint32_t Word(uint32_t id, uint32_t stream) const;

  uint32_t key0_;
  uint32_t key1_;
  uint32_t nonce0_;
  uint32_t nonce1_;
  uint32_t position_;
};

// Not below any Gumbel variate with this high word, and at most 0.1 above the largest for the top
// half of them: -log(-log u) <= -log(1 - u), and log2 is not below its chord between powers of two.
inline double GumbelCeiling(uint32_t high) {
  constexpr double kLn2 = 0x1.62e42fefa39efp-1;
  const float below = static_cast<float>(static_cast<int32_t>(~high >> 1));  // 2^31 (1 - u)
  const int32_t bits = std::bit_cast<int32_t>(below);
  // The last term covers the rounding of `below` and of the exact variate.
  return (158.0 - static_cast<double>(bits) * 0x1p-23) * kLn2 + 1e-6;
}

}  // namespace gonka::engine::internal
