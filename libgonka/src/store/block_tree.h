#pragma once

// One leaf out of thousands, and the path from it to its block's root, without reading the others:
// where every sixteenth leaf begins, and the nodes of the tree from there up. A proof hashes at
// most some thirty leaves.
//
// On disk: u32 offset, into the joined leaves, of every 16th; then for each level from 4 up, while
// it has one, its complete nodes in order. All little-endian.

#include "gonka/crypto/merkle.h"

namespace gonka::store {

Bytes MakeBlockTree(std::span<const Bytes> leaves);

// Over the values of kLeaves and kTrees, which must outlive it.
class BlockTree final : public MerkleNodes {
 public:
  BlockTree(ByteSpan joined, ByteSpan tree, uint32_t count)
      : joined_(joined), tree_(tree), count_(count) {}

  ByteSpan Leaf(uint64_t index) const;
  Hash Node(uint32_t level, uint64_t index) const override;
  // Whether something was not there; what was asked for is then empty or zero.
  bool damaged() const { return damaged_; }

 private:
  uint64_t Read32(ByteSpan bytes, uint64_t at) const;

  const ByteSpan joined_;
  const ByteSpan tree_;
  const uint64_t count_;
  mutable bool damaged_ = false;
};

}  // namespace gonka::store
