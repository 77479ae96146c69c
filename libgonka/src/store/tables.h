#pragma once

// The tables of a Database, and how their keys are written. Numbers in keys are big-endian, so that
// a scan visits them in order. What stands here is on disk: a change needs a new kFormat.

#include "gonka/store/records.h"
#include "store/kv.h"

namespace gonka::store {

inline constexpr uint32_t kFormat = 3;

enum Tables : TableId {
  kMeta,      // "format" u32; "tip" Tip; "genesis" Genesis; "evidence" Equivocation;
              // "state root" StateRoot
  kState,     // state key -> LeafPosition, then the value
  kBlocks,    // height -> Block
  kInfos,     // height -> BlockInfo
  kLeaves,    // height -> leaves: u32 count, then u32 size and bytes of each
  kNodes,     // u8 level, index -> Hash, of the history tree
  kTxs,       // tx hash -> TxPosition
  kSubjects,  // subject, height, u32 notice index -> u8 kind
  kTrees,     // height -> what finds and proves one leaf of many (block_tree.h)
  kBefore,    // height -> StateBefore
};
inline const std::vector<std::string> kTableNames = {
    "meta", "state", "blocks", "infos", "leaves", "nodes", "txs", "subjects", "trees", "before"};

// What entries of the state were before a block: nothing where they were not there.
struct StateBefore {
  static constexpr RecordKind kKind{211, 1};
  List<StateWrite, 1u << 24> entries;
  GONKA_FIELDS(StateBefore, entries)
};

inline constexpr size_t kPositionSize = 12;  // Of an encoded LeafPosition.

template <std::unsigned_integral T>
void AppendBigEndian(Bytes& out, T value) {
  for (size_t i = sizeof(T); i-- > 0;) out.push_back(static_cast<uint8_t>(value >> (8 * i)));
}
template <std::unsigned_integral T>
T ReadBigEndian(ByteSpan bytes) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value << 8 | bytes[i]);
  return value;
}

inline Bytes MetaKey(std::string_view name) {
  return ToBytes(AsBytes(name));
}
inline Bytes HeightKey(uint64_t height) {
  Bytes key;
  AppendBigEndian(key, height);
  return key;
}
inline Bytes NodeKey(uint32_t level, uint64_t index) {
  Bytes key;
  AppendBigEndian(key, static_cast<uint8_t>(level));
  AppendBigEndian(key, index);
  return key;
}
inline Bytes SubjectKey(const Hash& subject, uint64_t height, uint32_t index) {
  Bytes key = ToBytes(subject.span());
  AppendBigEndian(key, height);
  AppendBigEndian(key, index);
  return key;
}

// The value of kLeaves.
Bytes JoinLeaves(std::span<const Bytes> leaves);
absl::StatusOr<std::vector<ByteSpan>> SplitLeaves(ByteSpan joined);

}  // namespace gonka::store
