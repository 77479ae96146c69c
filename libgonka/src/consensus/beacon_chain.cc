#include "gonka/consensus/beacon_chain.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/protocol/tx.h"

namespace gonka::consensus {
namespace {

uint32_t SquareRootUp(uint32_t value) {
  uint32_t root = 1;
  while (uint64_t{root} * root < value) ++root;
  return root;
}

}  // namespace

BeaconChain::BeaconChain(const FixedBytes<32>& seed, uint32_t length)
    : seed_(seed), length_(length), stride_(SquareRootUp(length + 1)) {
  GONKA_CHECK(length >= 1 && length <= uint32_t{1} << 24);
}

Hash BeaconChain::First(uint64_t generation) const {
  return TaggedHash("gonka/beacon-secret/1", seed_, generation);
}

Hash BeaconChain::End(uint64_t generation) const {
  Hash value = First(generation);
  for (uint32_t i = 0; i < length_; ++i) value = BeaconChainStep(value);
  return value;
}

absl::StatusOr<Hash> BeaconChain::LinkBefore(const Hash& head) {
  GONKA_ASSIGN_OR_RETURN(const uint32_t position, Locate(head));
  if (position == 0) {
    return absl::ResourceExhaustedError(fmt::format(
        "beacon chain number {} is used up: {} is its first link", generation_, Hex(head)));
  }
  return Value(position - 1);
}

absl::StatusOr<uint32_t> BeaconChain::Remaining(const Hash& head) {
  return Locate(head);
}

absl::StatusOr<uint32_t> BeaconChain::Locate(const Hash& head) {
  if (const auto position = FindInSegment(head)) return *position;
  if (!head.IsZero()) {
    // The chain in use, the one after it, and then all others.
    std::vector<uint64_t> candidates = {generation_, generation_ + 1};
    for (uint64_t i = 0; i < kGenerationsMax; ++i) candidates.push_back(search_from_ + i);
    for (const uint64_t generation : candidates) {
      if (const auto position = FindInGeneration(generation, head)) return *position;
    }
  }
  return absl::FailedPreconditionError(
      fmt::format("{} is in none of this node's beacon chains: was it made with another seed or a "
                  "length other than {}?",
                  Hex(head), length_));
}

std::optional<uint32_t> BeaconChain::FindInSegment(const Hash& head) const {
  const auto it = std::find(values_.begin(), values_.end(), head);
  if (it == values_.end()) return std::nullopt;
  return segment_ * stride_ + static_cast<uint32_t>(it - values_.begin());
}

std::optional<uint32_t> BeaconChain::FindInGeneration(uint64_t generation, const Hash& head) {
  std::vector<Hash> checkpoints;
  std::optional<uint32_t> found;
  Hash value = First(generation);
  for (uint32_t position = 0; position <= length_; ++position) {
    if (position > 0) value = BeaconChainStep(value);
    if (position % stride_ == 0) checkpoints.push_back(value);
    if (value == head) found = position;
  }
  if (!found) return std::nullopt;
  generation_ = generation;
  checkpoints_ = std::move(checkpoints);
  LoadSegment(*found / stride_);
  return found;
}

void BeaconChain::LoadSegment(uint32_t segment) {
  segment_ = segment;
  const uint32_t size = std::min(stride_, length_ + 1 - segment * stride_);
  values_ = {checkpoints_[segment]};
  while (values_.size() < size) values_.push_back(BeaconChainStep(values_.back()));
}

const Hash& BeaconChain::Value(uint32_t position) {
  if (position / stride_ != segment_) LoadSegment(position / stride_);
  return values_[position % stride_];
}

}  // namespace gonka::consensus
