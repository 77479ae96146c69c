#include "gonka/protocol/block.h"

#include <fmt/format.h>

namespace gonka {

BlockHash HashOf(const BlockHeader& header) {
  return BlockHash{TaggedHash("gonka/block/1", header)};
}

Hash TxsRoot(std::span<const SignedTx> txs) {
  std::vector<Hash> leaves;
  leaves.reserve(txs.size());
  for (const SignedTx& tx : txs) {
    leaves.push_back(MerkleLeaf(TaggedHash("gonka/tx-leaf/1", HashOf(tx), tx.signature).span()));
  }
  return MerkleRoot(leaves);
}

Hash NextBeacon(const Hash& beacon, uint64_t height, const Hash& link) {
  return TaggedHash("gonka/beacon/1", beacon, height, link);
}

Hash HashOf(const BlockLeaf& leaf) {
  return MerkleLeaf(Encode(leaf));
}

absl::Status VerifyProof(const InclusionProof& proof, const BlockHash& block_hash) {
  const BlockHash hash = HashOf(proof.header);
  if (hash != block_hash) {
    return absl::InvalidArgumentError(
        fmt::format("the proof's header has hash {}, not {}", Hex(hash), Hex(block_hash)));
  }
  if (proof.block.height >= proof.header.height) {
    return absl::InvalidArgumentError(
        fmt::format("header {} cannot cover block {}", proof.header.height, proof.block.height));
  }
  if (!MerkleVerify(proof.block.root, proof.block.count, proof.leaf_index,
                    MerkleLeaf(Encode(proof.leaf)), proof.leaf_path)) {
    return absl::InvalidArgumentError(
        fmt::format("the leaf is not number {} of block {}", proof.leaf_index, proof.block.height));
  }
  if (!MerkleVerify(proof.header.app_hash, proof.history_size, proof.history_index,
                    HashOf(proof.block), proof.history_path)) {
    return absl::InvalidArgumentError(fmt::format("block {} is not in the history of header {}",
                                                  proof.block.height, proof.header.height));
  }
  return absl::OkStatus();
}

}  // namespace gonka
