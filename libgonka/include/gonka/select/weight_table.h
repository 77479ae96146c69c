#pragma once

// The same answers as DrawWeighted and DrawOrder, in constant time a draw: for a million candidates whose weights
// are fixed for an epoch. Running sums, and for equal slices of the total the index where each
// slice begins. (An alias table would draw as fast, but would be a second definition of who was
// drawn, and could not leave one candidate out.)

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gonka/base/bytes.h"

namespace gonka::select {

// About nine bytes a weight. Immutable once built; any thread.
class WeightTable {
 public:
  // At most 2^32 - 1 weights, which must sum to less than 2^64. Takes O(n).
  explicit WeightTable(std::span<const uint64_t> weights);

  size_t size() const { return sums_.size(); }
  uint64_t total() const { return sums_.empty() ? 0 : sums_.back(); }
  uint64_t weight(size_t index) const;

  // DrawWeighted(seed, weights); nothing where the total is zero.
  std::optional<size_t> Draw(const Hash& seed) const;
  // As if the weight of excluded were zero.
  std::optional<size_t> DrawExcept(const Hash& seed, size_t excluded) const;
  // DrawOrder(seed, weights, limit) as if these weights were zero. Takes O(without + limit) a step;
  // O(n) only where limit is large.
  std::vector<size_t> Order(const Hash& seed, std::vector<size_t> without, size_t limit) const;

 private:
  size_t Find(uint64_t point) const;

  std::vector<uint64_t> sums_;  // Of all weights up to and with this index.
  std::vector<uint32_t>
      slice_begin_;  // Slice s covers the points [s << shift_, (s + 1) << shift_).
  int shift_ = 0;
};

}  // namespace gonka::select
