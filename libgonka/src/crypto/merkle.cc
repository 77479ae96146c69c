#include "gonka/crypto/merkle.h"

#include <algorithm>
#include <bit>

#include "gonka/crypto/hash.h"

namespace gonka {
namespace {

// The largest power of two below size, for size > 1: where RFC 6962 splits a tree.
uint64_t SplitPoint(uint64_t size) {
  return std::bit_floor(size - 1);
}

void ProveInto(std::span<const Hash> leaves, uint64_t index, MerklePath& path) {
  if (leaves.size() == 1) return;
  const uint64_t split = SplitPoint(leaves.size());
  if (index < split) {
    ProveInto(leaves.first(split), index, path);
    path.push_back(MerkleRoot(leaves.subspan(split)));
  } else {
    ProveInto(leaves.subspan(split), index - split, path);
    path.push_back(MerkleRoot(leaves.first(split)));
  }
}

// Root of the leaves [begin, end) of a stored tree; begin is a multiple of the range's subtrees.
Hash StoredRoot(const MerkleNodes& nodes, uint64_t begin, uint64_t end) {
  const uint64_t size = end - begin;
  if (std::has_single_bit(size)) {
    const auto level = static_cast<uint32_t>(std::countr_zero(size));
    return nodes.Node(level, begin >> level);
  }
  const uint64_t split = begin + SplitPoint(size);
  return MerkleNode(StoredRoot(nodes, begin, split), StoredRoot(nodes, split, end));
}

}  // namespace

Hash MerkleLeaf(ByteSpan data) {
  static constexpr uint8_t kPrefix = 0;
  Blake2bHasher hasher;
  hasher.Update({&kPrefix, 1});
  hasher.Update(data);
  return hasher.Finish();
}

Hash MerkleNode(const Hash& left, const Hash& right) {
  static constexpr uint8_t kPrefix = 1;
  Blake2bHasher hasher;
  hasher.Update({&kPrefix, 1});
  hasher.Update(left.span());
  hasher.Update(right.span());
  return hasher.Finish();
}

Hash MerkleRoot(std::span<const Hash> leaves) {
  if (leaves.empty()) return Blake2b({});
  if (leaves.size() == 1) return leaves[0];
  const uint64_t split = SplitPoint(leaves.size());
  return MerkleNode(MerkleRoot(leaves.first(split)), MerkleRoot(leaves.subspan(split)));
}

MerklePath MerkleProve(std::span<const Hash> leaves, uint64_t index) {
  GONKA_CHECK(index < leaves.size());
  MerklePath path;
  ProveInto(leaves, index, path);
  return path;
}

MerklePath MerkleProve(const MerkleNodes& nodes, uint64_t size, uint64_t index) {
  GONKA_CHECK(index < size);
  MerklePath path;
  uint64_t begin = 0;
  uint64_t end = size;
  while (end - begin > 1) {  // Downwards; the path is told upwards.
    const uint64_t split = begin + SplitPoint(end - begin);
    if (index < split) {
      path.push_back(StoredRoot(nodes, split, end));
      end = split;
    } else {
      path.push_back(StoredRoot(nodes, begin, split));
      begin = split;
    }
  }
  std::reverse(path.begin(), path.end());
  return path;
}

// RFC 9162, section 2.1.3.2.
bool MerkleVerify(const Hash& root, uint64_t size, uint64_t index, const Hash& leaf,
                  std::span<const Hash> path) {
  if (index >= size) return false;
  uint64_t node = index;
  uint64_t last = size - 1;
  Hash hash = leaf;
  for (const Hash& sibling : path) {
    if (last == 0) return false;
    if ((node & 1) == 1 || node == last) {
      hash = MerkleNode(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = MerkleNode(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

void MerkleFrontier::Append(const Hash& leaf) {
  Hash carry = leaf;
  // Adding one to size: every trailing one bit is a peak that merges with the new subtree.
  for (uint64_t bits = size; (bits & 1) == 1; bits >>= 1) {
    carry = MerkleNode(peaks.back(), carry);
    peaks.pop_back();
  }
  peaks.push_back(carry);
  ++size;
}

Hash MerkleFrontier::Root() const {
  if (peaks.empty()) return MerkleRoot({});
  Hash root = peaks.back();
  for (size_t i = peaks.size() - 1; i > 0; --i) root = MerkleNode(peaks[i - 1], root);
  return root;
}

}  // namespace gonka
