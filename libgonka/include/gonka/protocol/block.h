#pragma once

// Blocks, and proofs that something is in the history.
//
// A block's leaves are its state writes in order of key, then its receipts, then its notices. The
// root over them, with the height, is one leaf of the history tree; the app hash is the history
// tree's root. A block that changes nothing adds no leaf. A header carries the app hash *after the
// block before it*.

#include "gonka/crypto/merkle.h"
#include "gonka/protocol/notice.h"

namespace gonka {

struct BlockHeader {
  static constexpr RecordKind kKind{4, 1};
  NetworkId network;
  uint64_t height = 0;   // The first block after genesis is 1.
  uint64_t time_us = 0;  // Unix; ascending.
  BlockHash previous;    // Zero for the first.
  Hash app_hash;         // After the block before this one.
  Hash txs_root;         // Merkle root over the hashes of the transactions, signatures included.
  std::optional<Hash> link;  // The proposer's next beacon link.
  AccountId proposer;
  GONKA_FIELDS(BlockHeader, network, height, time_us, previous, app_hash, txs_root, link, proposer)
};
BlockHash HashOf(const BlockHeader& header);

struct Block {
  static constexpr RecordKind kKind{5, 1};
  BlockHeader header;
  List<SignedTx, 4096> txs;
  Signature signature;  // The proposer's, over the block hash.
  GONKA_FIELDS(Block, header, txs, signature)
};
Hash TxsRoot(std::span<const SignedTx> txs);

// beacon_h = H(beacon_{h-1}, h, link); a block without a link leaves it as it is.
Hash NextBeacon(const Hash& beacon, uint64_t height, const Hash& link);

struct StateWrite {
  static constexpr const char* kName = "state";
  Blob<1024> key;
  std::optional<Blob<4'194'304>> value;  // Nothing where the key was deleted.
  GONKA_FIELDS(StateWrite, key, value)
};
struct ReceiptLeaf {
  static constexpr const char* kName = "receipt";
  Receipt receipt;
  GONKA_FIELDS(ReceiptLeaf, receipt)
};
struct NoticeLeaf {
  static constexpr const char* kName = "notice";
  Notice notice;
  GONKA_FIELDS(NoticeLeaf, notice)
};
using Leaf = std::variant<StateWrite, ReceiptLeaf, NoticeLeaf>;

// A block's leaf in the history tree.
struct BlockLeaf {
  uint64_t height = 0;
  uint32_t count = 0;  // Leaves of this block.
  Hash root;           // Over MerkleLeaf(Encode(leaf)).
  GONKA_FIELDS(BlockLeaf, height, count, root)
};
Hash HashOf(const BlockLeaf& leaf);  // MerkleLeaf of its encoding.

struct InclusionProof {
  static constexpr RecordKind kKind{6, 1};
  Leaf leaf;
  uint32_t leaf_index = 0;
  MerklePath leaf_path;  // Up to block.root.
  BlockLeaf block;
  uint64_t history_index = 0;
  uint64_t history_size = 0;
  MerklePath history_path;  // Up to header.app_hash.
  BlockHeader header;       // Of a later block, whose hash the reader knows.
  GONKA_FIELDS(InclusionProof, leaf, leaf_index, leaf_path, block, history_index, history_size,
               history_path, header)
};
// Everything is in order and leads up to this block hash; otherwise says what does not.
absl::Status VerifyProof(const InclusionProof& proof, const BlockHash& block_hash);

}  // namespace gonka
