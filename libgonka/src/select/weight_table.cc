#include "gonka/select/weight_table.h"

#include <algorithm>
#include <bit>

#include "gonka/base/check.h"
#include "gonka/crypto/hash.h"
#include "gonka/select/draw.h"

namespace gonka::select {

WeightTable::WeightTable(std::span<const uint64_t> weights) {
  GONKA_CHECK(weights.size() <= UINT32_MAX);
  sums_.reserve(weights.size());
  uint64_t sum = 0;
  for (const uint64_t weight : weights) {
    GONKA_CHECK(weight <= UINT64_MAX - sum);
    sum += weight;
    sums_.push_back(sum);
  }
  if (sum == 0) return;
  // Some eight weights a slice: few to search, and the index stays in the cache.
  constexpr int kWeightsPerSliceLog2 = 3;
  const auto log2_sum = static_cast<int>(std::bit_width(sum));
  const auto log2_size = static_cast<int>(std::bit_width(weights.size()));
  shift_ = std::max(log2_sum - log2_size + kWeightsPerSliceLog2, 0);
  const uint64_t slices = ((sum - 1) >> shift_) + 1;
  slice_begin_.reserve(slices + 1);
  uint32_t index = 0;
  for (uint64_t slice = 0; slice < slices; ++slice) {
    while (sums_[index] <= slice << shift_) ++index;
    slice_begin_.push_back(index);
  }
  slice_begin_.push_back(static_cast<uint32_t>(sums_.size() - 1));
}

uint64_t WeightTable::weight(size_t index) const {
  GONKA_CHECK(index < sums_.size());
  return sums_[index] - (index == 0 ? 0 : sums_[index - 1]);
}

// The first index whose running sum is above the point lies between where the point's slice begins
// and where the next one does, both included.
size_t WeightTable::Find(uint64_t point) const {
  const uint64_t slice = point >> shift_;
  const auto begin = sums_.begin() + slice_begin_[slice];
  const auto end = sums_.begin() + slice_begin_[slice + 1];
  return static_cast<size_t>(std::upper_bound(begin, end, point) - sums_.begin());
}

std::optional<size_t> WeightTable::Draw(const Hash& seed) const {
  if (total() == 0) return std::nullopt;
  return Find(UniformBelow(seed, total()));
}

std::optional<size_t> WeightTable::DrawExcept(const Hash& seed, size_t excluded) const {
  const uint64_t left_out = weight(excluded);
  if (total() == left_out) return std::nullopt;
  const uint64_t point = UniformBelow(seed, total() - left_out);
  const uint64_t before = sums_[excluded] - left_out;
  return Find(point < before ? point : point + left_out);
}

std::vector<size_t> WeightTable::Order(const Hash& seed, std::vector<size_t> without,
                                       size_t limit) const {
  constexpr size_t kFew = 256;
  std::sort(without.begin(), without.end());
  without.erase(std::unique(without.begin(), without.end()), without.end());
  if (limit > kFew) {
    std::vector<uint64_t> weights;
    weights.reserve(size());
    for (size_t i = 0; i < size(); ++i) weights.push_back(weight(i));
    for (const size_t gone : without) weights[gone] = 0;
    return DrawOrder(seed, weights, limit);
  }
  uint64_t left = total();
  for (const size_t gone : without) left -= weight(gone);
  std::vector<size_t> order;
  for (uint64_t i = 0; i < limit && left > 0; ++i) {
    uint64_t point = UniformBelow(TaggedHash("gonka/draw/1", seed, i), left);
    // Among all, the point lies beyond the weights that are gone before it.
    auto gone = without.begin();
    for (; gone != without.end() && point >= sums_[*gone] - weight(*gone); ++gone) {
      point += weight(*gone);
    }
    order.push_back(Find(point));
    without.insert(gone, order.back());
    left -= weight(order.back());
  }
  return order;
}

}  // namespace gonka::select
