#include "gonka/crypto/merkle.h"

#include <doctest/doctest.h>

#include "gonka/crypto/hash.h"

namespace gonka {
namespace {

std::vector<Hash> Leaves(uint8_t count) {
  std::vector<Hash> leaves;
  for (uint8_t i = 0; i < count; ++i) leaves.push_back(MerkleLeaf(Bytes{i}));
  return leaves;
}

// All complete subtrees of a list of leaves, computed the slow way.
class SlowNodes : public MerkleNodes {
 public:
  explicit SlowNodes(std::vector<Hash> leaves) : leaves_(std::move(leaves)) {}
  Hash Node(uint32_t level, uint64_t index) const override {
    const uint64_t width = uint64_t{1} << level;
    REQUIRE((index + 1) * width <= leaves_.size());
    return MerkleRoot(std::span(leaves_).subspan(index * width, width));
  }

 private:
  std::vector<Hash> leaves_;
};

TEST_CASE("the tree has RFC 6962's shape") {
  const std::vector<Hash> l = Leaves(3);
  CHECK(MerkleRoot({}) == Blake2b({}));
  CHECK(MerkleRoot(std::span(l).first(1)) == l[0]);
  CHECK(MerkleRoot(l) == MerkleNode(MerkleNode(l[0], l[1]), l[2]));
}

TEST_CASE("every leaf of every size can be proven, and nothing else") {
  for (uint8_t size = 1; size <= 33; ++size) {
    const std::vector<Hash> leaves = Leaves(size);
    const Hash root = MerkleRoot(leaves);
    const SlowNodes nodes(leaves);
    MerkleFrontier frontier;
    for (const Hash& leaf : leaves) frontier.Append(leaf);
    CHECK(frontier.Root() == root);
    for (uint8_t i = 0; i < size; ++i) {
      const MerklePath path = MerkleProve(leaves, i);
      CHECK(MerkleProve(nodes, size, i) == path);
      CHECK(MerkleVerify(root, size, i, leaves[i], path));
      CHECK_FALSE(MerkleVerify(root, size, i, MerkleLeaf(Bytes{99}), path));
      CHECK_FALSE(MerkleVerify(root, size, size, leaves[i], path));
      MerklePath longer = path;
      longer.push_back(root);
      CHECK_FALSE(MerkleVerify(root, size, i, leaves[i], longer));
      if (!path.empty()) {
        CHECK_FALSE(MerkleVerify(root, size, i, leaves[i], std::span(path).first(path.size() - 1)));
      }
    }
  }
}

}  // namespace
}  // namespace gonka
