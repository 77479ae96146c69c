#include "gonka/store/proofs.h"

#include <fmt/format.h>

#include "store/block_tree.h"
#include "store/tables.h"

namespace gonka::store {
namespace {

// MerkleProve asks for nodes by value; what cannot be read is remembered.
class StoredNodes final : public MerkleNodes {
 public:
  explicit StoredNodes(const Snapshot& snapshot) : snapshot_(snapshot) {}

  Hash Node(uint32_t level, uint64_t index) const override {
    const absl::StatusOr<Hash> node = snapshot_.GetHistoryNode(level, index);
    if (node.ok()) return *node;
    status_ = node.status();
    return {};
  }
  const absl::Status& status() const { return status_; }

 private:
  const Snapshot& snapshot_;
  mutable absl::Status status_;
};

absl::StatusOr<uint64_t> HeaderHeight(const Snapshot& snapshot, uint64_t height,
                                      const ProofOptions& options) {
  const uint64_t header = options.header_height.value_or(snapshot.height());
  if (header > snapshot.height()) {
    return absl::NotFoundError(
        fmt::format("there is no block {}: the newest is {}", header, snapshot.height()));
  }
  if (header > height) return header;
  if (!options.header_height) {
    return absl::UnavailableError(
        fmt::format("block {} is the newest: the next header will cover it", height));
  }
  return absl::InvalidArgumentError(
      fmt::format("header {} cannot cover block {}: a later one does", header, height));
}

absl::Status AddHistory(const Snapshot& snapshot, const BlockInfo& info, uint64_t header_height,
                        InclusionProof& proof) {
  GONKA_ASSIGN_OR_RETURN(const BlockInfo before, snapshot.GetInfo(header_height - 1));
  GONKA_ASSIGN_OR_RETURN(proof.header, snapshot.GetHeader(header_height));
  proof.block = *info.leaf;
  proof.history_index = info.history_size - 1;
  proof.history_size = before.history_size;
  const StoredNodes nodes(snapshot);
  proof.history_path = MerkleProve(nodes, proof.history_size, proof.history_index);
  return nodes.status();
}

absl::Status AddLeaf(const Snapshot& snapshot, const BlockInfo& info, uint64_t height,
                     uint32_t index, InclusionProof& proof) {
  const uint32_t count = info.leaf->count;
  if (index >= count) {
    return absl::NotFoundError(
        fmt::format("block {} has {} leaves, no number {}", height, count, index));
  }
  const auto joined = snapshot.reader().Get(kLeaves, HeightKey(height));
  const auto tree = snapshot.reader().Get(kTrees, HeightKey(height));
  GONKA_RETURN_IF_ERROR(snapshot.status());
  const BlockTree block(joined.value_or(ByteSpan()), tree.value_or(ByteSpan()), count);
  const ByteSpan leaf = block.Leaf(index);
  proof.leaf_index = index;
  proof.leaf_path = MerkleProve(block, count, index);
  if (block.damaged()) {
    return absl::DataLossError(fmt::format("the leaves of block {} are damaged", height));
  }
  GONKA_ASSIGN_OR_RETURN(proof.leaf, Decode<gonka::Leaf>(leaf));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<InclusionProof> ProveLeaf(const Snapshot& snapshot, uint64_t height, uint32_t leaf,
                                         const ProofOptions& options) {
  GONKA_ASSIGN_OR_RETURN(const BlockInfo info, snapshot.GetInfo(height));
  if (!info.leaf) {
    return absl::NotFoundError(fmt::format("block {} changed nothing and has no leaves", height));
  }
  InclusionProof proof;
  GONKA_RETURN_IF_ERROR(AddLeaf(snapshot, info, height, leaf, proof));
  GONKA_ASSIGN_OR_RETURN(const uint64_t header, HeaderHeight(snapshot, height, options));
  GONKA_RETURN_IF_ERROR(AddHistory(snapshot, info, header, proof));
  return proof;
}

absl::StatusOr<InclusionProof> ProveState(const Snapshot& snapshot, ByteSpan key,
                                          const ProofOptions& options) {
  GONKA_ASSIGN_OR_RETURN(const LeafPosition position, snapshot.FindStateLeaf(key));
  if (position.leaf == LeafPosition::kNoLeaf) {
    return absl::NotFoundError(fmt::format("state key {} is not in the history", Hex(key)));
  }
  return ProveLeaf(snapshot, position.height, position.leaf, options);
}

absl::StatusOr<InclusionProof> ProveNotice(const Snapshot& snapshot, uint64_t height,
                                           uint32_t index, const ProofOptions& options) {
  GONKA_ASSIGN_OR_RETURN(const BlockInfo info, snapshot.GetInfo(height));
  if (index >= info.notices || !info.leaf) {
    return absl::NotFoundError(
        fmt::format("block {} has {} notices, no number {}", height, info.notices, index));
  }
  return ProveLeaf(snapshot, height, info.leaf->count - info.notices + index, options);
}

absl::StatusOr<InclusionProof> ProveReceipt(const Snapshot& snapshot, const TxHash& tx,
                                            uint32_t index, const ProofOptions& options) {
  GONKA_ASSIGN_OR_RETURN(const TxPosition position, snapshot.FindTx(tx));
  GONKA_ASSIGN_OR_RETURN(InclusionProof proof, ProveLeaf(snapshot, position.height,
                                                         position.first_leaf + index, options));
  const auto* leaf = std::get_if<ReceiptLeaf>(&proof.leaf);
  if (leaf == nullptr || leaf->receipt.tx != tx || leaf->receipt.index != index) {
    return absl::NotFoundError(
        fmt::format("transaction {} has no event number {}", Hex(tx), index));
  }
  return proof;
}

}  // namespace gonka::store
