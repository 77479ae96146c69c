#pragma once

// What the store keeps beside the ledger's state: one line about every block, and where things are.

#include <optional>

#include "gonka/protocol/block.h"

namespace gonka::store {

// The last committed block. Height 0, with a zero hash, is genesis.
struct Tip {
  static constexpr RecordKind kKind{200, 1};
  NetworkId network;
  uint64_t height = 0;
  BlockHash hash;
  Hash app_hash;           // After this block.
  MerkleFrontier history;  // Over the block leaves so far; its root is app_hash.
  GONKA_FIELDS(Tip, network, height, hash, app_hash, history)
};

// A block in the archive. Its leaves are state writes, then receipts, then notices.
struct BlockInfo {
  static constexpr RecordKind kKind{201, 1};
  BlockHash hash;
  Hash app_hash;              // After this block.
  uint64_t history_size = 0;  // After this block; its own leaf, if it has one, is the last.
  uint32_t receipts = 0;
  uint32_t notices = 0;
  std::optional<BlockLeaf> leaf;  // Missing where the block changed nothing.
  GONKA_FIELDS(BlockInfo, hash, app_hash, history_size, receipts, notices, leaf)
};

// A leaf of a block; kNoLeaf where a state entry is not in the history (the Chain record).
struct LeafPosition {
  static constexpr uint32_t kNoLeaf = UINT32_MAX;
  uint64_t height = 0;
  uint32_t leaf = kNoLeaf;
  GONKA_FIELDS(LeafPosition, height, leaf)
};

// The receipts of a transaction are the leaves [first_leaf, first_leaf + events).
struct TxPosition {
  static constexpr RecordKind kKind{202, 1};
  uint64_t height = 0;
  uint32_t first_leaf = 0;
  GONKA_FIELDS(TxPosition, height, first_leaf)
};

// Notice number `index` of a block; kind is the alternative of Notice.
struct NoticePosition {
  uint64_t height = 0;
  uint32_t index = 0;
  uint8_t kind = 0;
  GONKA_FIELDS(NoticePosition, height, index, kind)
};

// Two different blocks that the sequencer signed and that cannot both be in one chain: either they
// have one height, or the later one builds on another block than the earlier one.
struct Equivocation {
  static constexpr RecordKind kKind{203, 1};
  BlockHeader ours;  // In the archive.
  Signature our_signature;
  BlockHeader theirs;
  Signature their_signature;
  GONKA_FIELDS(Equivocation, ours, our_signature, theirs, their_signature)
};

}  // namespace gonka::store
