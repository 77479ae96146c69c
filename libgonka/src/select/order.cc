#include <bit>

#include "gonka/crypto/hash.h"
#include "gonka/select/draw.h"

namespace gonka::select {
namespace {

// Weights that can be drawn from and taken out in O(log n): a Fenwick tree. Node i (from 1) holds
// the sum of the i & -i weights that end with number i - 1.
class RemainingWeights {
 public:
  explicit RemainingWeights(std::span<const uint64_t> weights)
      : weights_(weights), nodes_(weights.size() + 1) {
    for (size_t i = 1; i < nodes_.size(); ++i) {
      GONKA_CHECK(weights[i - 1] <= UINT64_MAX - total_);
      total_ += weights[i - 1];
      nodes_[i] += weights[i - 1];
      const size_t parent = i + (i & -i);
      if (parent < nodes_.size()) nodes_[parent] += nodes_[i];
    }
  }

  uint64_t total() const { return total_; }

  // The first index whose running sum is above point; point < total().
  size_t Find(uint64_t point) const {
    size_t index = 0;
    for (size_t step = std::bit_floor(nodes_.size()); step > 0; step /= 2) {
      if (index + step < nodes_.size() && nodes_[index + step] <= point) {
        index += step;
        point -= nodes_[index];
      }
    }
    return index;
  }

  void Remove(size_t index) {
    total_ -= weights_[index];
    for (size_t i = index + 1; i < nodes_.size(); i += i & -i) nodes_[i] -= weights_[index];
  }

 private:
  std::span<const uint64_t> weights_;
  std::vector<uint64_t> nodes_;
  uint64_t total_ = 0;
};

}  // namespace

std::vector<size_t> DrawOrder(const Hash& seed, std::span<const uint64_t> weights, size_t limit) {
  RemainingWeights remaining(weights);
  std::vector<size_t> order;
  for (uint64_t i = 0; i < limit && remaining.total() > 0; ++i) {
    const uint64_t point = UniformBelow(TaggedHash("gonka/draw/1", seed, i), remaining.total());
    order.push_back(remaining.Find(point));
    remaining.Remove(order.back());
  }
  return order;
}

}  // namespace gonka::select
