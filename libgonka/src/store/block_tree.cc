#include "store/block_tree.h"

#include "gonka/base/codec.h"

namespace gonka::store {
namespace {

constexpr uint32_t kLevel = 4;
constexpr uint64_t kGroup = 1 << kLevel;  // Leaves.

uint64_t GroupsOf(uint64_t count) {
  return (count + kGroup - 1) / kGroup;
}

// The complete nodes above.
std::vector<Hash> Above(const std::vector<Hash>& nodes) {
  std::vector<Hash> above;
  above.reserve(nodes.size() / 2);
  for (size_t i = 0; i + 1 < nodes.size(); i += 2) {
    above.push_back(MerkleNode(nodes[i], nodes[i + 1]));
  }
  return above;
}

}  // namespace

Bytes MakeBlockTree(std::span<const Bytes> leaves) {
  Writer out;
  uint64_t offset = sizeof(uint32_t);  // After the count.
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (i % kGroup == 0) out.Int(static_cast<uint32_t>(offset));
    offset += sizeof(uint32_t) + leaves[i].size();
  }
  GONKA_CHECK(offset <= UINT32_MAX);
  std::vector<Hash> nodes;
  for (size_t i = 0; i < leaves.size() / kGroup * kGroup; ++i) {
    nodes.push_back(MerkleLeaf(leaves[i]));
  }
  for (uint32_t level = 0; !nodes.empty(); ++level, nodes = Above(nodes)) {
    if (level < kLevel) continue;
    for (const Hash& node : nodes) out.Raw(node.span());
  }
  return out.Take();
}

uint64_t BlockTree::Read32(ByteSpan bytes, uint64_t at) const {
  if (at + sizeof(uint32_t) > bytes.size()) {
    damaged_ = true;
    return 0;
  }
  Reader in(bytes.subspan(at, sizeof(uint32_t)));
  return in.Int<uint32_t>();
}

ByteSpan BlockTree::Leaf(uint64_t index) const {
  uint64_t at = Read32(tree_, index / kGroup * sizeof(uint32_t));
  for (uint64_t i = index / kGroup * kGroup; i < index && !damaged_; ++i) {
    at += sizeof(uint32_t) + Read32(joined_, at);
  }
  const uint64_t size = Read32(joined_, at);
  if (damaged_ || size > joined_.size() - at - sizeof(uint32_t)) {
    damaged_ = true;
    return {};
  }
  return joined_.subspan(at + sizeof(uint32_t), size);
}

Hash BlockTree::Node(uint32_t level, uint64_t index) const {
  if (level == 0) return MerkleLeaf(Leaf(index));
  if (level < kLevel) return MerkleNode(Node(level - 1, 2 * index), Node(level - 1, 2 * index + 1));
  uint64_t place = index;
  for (uint32_t below = kLevel; below < level; ++below) place += count_ >> below;
  const uint64_t at = GroupsOf(count_) * sizeof(uint32_t) + place * Hash::kSize;
  if (at + Hash::kSize > tree_.size()) {
    damaged_ = true;
    return {};
  }
  Hash node;
  std::copy_n(tree_.begin() + static_cast<ptrdiff_t>(at), Hash::kSize, node.bytes.begin());
  return node;
}

}  // namespace gonka::store
