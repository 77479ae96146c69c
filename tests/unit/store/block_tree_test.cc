#include "store/block_tree.h"

#include <doctest/doctest.h>

#include "store/tables.h"
#include "unit/store/toy_ledger.h"

namespace gonka::store {
namespace {

std::vector<Bytes> Leaves(size_t count) {
  std::vector<Bytes> leaves;
  for (size_t i = 0; i < count; ++i) leaves.push_back(Text2Bytes(std::string(i % 7, 'x') + "leaf"));
  for (size_t i = 0; i < count; ++i) leaves[i].push_back(static_cast<uint8_t>(i));
  return leaves;
}

TEST_CASE("every leaf of blocks of every size is found, with the path that all leaves give") {
  std::vector<size_t> sizes;
  for (size_t size = 1; size <= 70; ++size) sizes.push_back(size);
  for (const size_t size : {127, 128, 129, 255, 257}) sizes.push_back(size);
  for (const size_t size : sizes) {
    CAPTURE(size);
    const std::vector<Bytes> leaves = Leaves(size);
    std::vector<Hash> hashes;
    for (const Bytes& leaf : leaves) hashes.push_back(MerkleLeaf(leaf));
    const Bytes joined = JoinLeaves(leaves);
    const Bytes tree = MakeBlockTree(leaves);
    const BlockTree block(joined, tree, static_cast<uint32_t>(size));
    for (size_t i = 0; i < size; ++i) {
      CHECK(ToBytes(block.Leaf(i)) == leaves[i]);
      CHECK(MerkleProve(block, size, i) == MerkleProve(hashes, i));
    }
    CHECK_FALSE(block.damaged());
  }
}

TEST_CASE("leaves or trees that were cut anywhere are damaged, never a crash") {
  const std::vector<Bytes> leaves = Leaves(40);
  const Bytes joined = JoinLeaves(leaves);
  const Bytes tree = MakeBlockTree(leaves);
  for (size_t size = 0; size < joined.size(); ++size) {
    const BlockTree block(ByteSpan(joined).first(size), tree, 40);
    block.Leaf(39);
    CHECK(block.damaged());
  }
  for (size_t size = 0; size < tree.size(); ++size) {
    const BlockTree block(joined, ByteSpan(tree).first(size), 40);
    MerkleProve(block, 40, 0);
    MerkleProve(block, 40, 39);
    CHECK(block.damaged());
  }
  Bytes wild = tree;
  std::fill_n(wild.begin(), 4, uint8_t{0xff});
  const BlockTree block(joined, wild, 40);
  CHECK(block.Leaf(0).empty());
  CHECK(block.damaged());
}

}  // namespace
}  // namespace gonka::store
