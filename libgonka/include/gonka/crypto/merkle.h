#pragma once

// The Merkle tree of RFC 6962 (section 2.1) over BLAKE2b-256: leaf hash = H(0x00 || data), node
// hash = H(0x01 || left || right), an unbalanced right edge, and H("") for the empty tree.

#include <cstdint>
#include <span>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/codec.h"

namespace gonka {

Hash MerkleLeaf(ByteSpan data);
Hash MerkleNode(const Hash& left, const Hash& right);
Hash MerkleRoot(std::span<const Hash> leaves);

// The sibling hashes from a leaf up to the root; its position is told apart.
using MerklePath = List<Hash, 64>;

MerklePath MerkleProve(std::span<const Hash> leaves, uint64_t index);  // index < leaves.size()
bool MerkleVerify(const Hash& root, uint64_t size, uint64_t index, const Hash& leaf,
                  std::span<const Hash> path);

// A growing tree kept as the roots of its complete subtrees, largest first: enough to append and to
// know the root. size has as many one bits as there are peaks.
struct MerkleFrontier {
  uint64_t size = 0;
  List<Hash, 64> peaks;
  GONKA_FIELDS(MerkleFrontier, size, peaks)

  void Append(const Hash& leaf);
  Hash Root() const;
};

// Where the nodes of a growing tree are kept: node (level, index) covers the leaves
// [index << level, (index + 1) << level), which must all exist.
class MerkleNodes {
 public:
  virtual ~MerkleNodes() = default;
  virtual Hash Node(uint32_t level, uint64_t index) const = 0;
};
// The proof of a leaf in the tree of the first size leaves; index < size.
MerklePath MerkleProve(const MerkleNodes& nodes, uint64_t size, uint64_t index);

}  // namespace gonka
