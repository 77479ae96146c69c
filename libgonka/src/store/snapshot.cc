#include "gonka/store/snapshot.h"

#include <fmt/format.h>

#include "store/tables.h"

namespace gonka::store {
namespace {

absl::StatusOr<ByteSpan> Find(const KvReader& reader, TableId table, ByteSpan key,
                              const std::string& what) {
  const std::optional<ByteSpan> bytes = reader.Get(table, key);
  GONKA_RETURN_IF_ERROR(reader.status());
  if (!bytes) return absl::NotFoundError(fmt::format("{} is not in the archive", what));
  return *bytes;
}

template <class T>
absl::StatusOr<T> FindRecord(const KvReader& reader, TableId table, ByteSpan key,
                             const std::string& what) {
  GONKA_ASSIGN_OR_RETURN(const ByteSpan bytes, Find(reader, table, key, what));
  absl::StatusOr<T> record = Decode<T>(bytes);
  if (!record.ok()) return absl::DataLossError(fmt::format("{} is damaged in the archive", what));
  return record;
}

template <class T>
absl::StatusOr<T> DecodeLeaf(ByteSpan bytes) {
  GONKA_ASSIGN_OR_RETURN(Leaf leaf, Decode<Leaf>(bytes));
  if (!std::holds_alternative<T>(leaf)) {
    return absl::DataLossError("a leaf of the archive is of another kind than its block says");
  }
  return std::get<T>(std::move(leaf));
}

}  // namespace

Snapshot::Snapshot(std::shared_ptr<const KvReader> reader, Tip tip)
    : reader_(std::move(reader)), tip_(std::move(tip)) {}
Snapshot::~Snapshot() = default;

std::optional<Bytes> Snapshot::Get(ByteSpan key) const {
  const std::optional<ByteSpan> stored = reader_->Get(kState, key);
  if (!stored || stored->size() < kPositionSize) return std::nullopt;
  return ToBytes(stored->subspan(kPositionSize));
}

void Snapshot::Scan(ByteSpan prefix, ByteSpan from,
                    const std::function<bool(ByteSpan, ByteSpan)>& visit) const {
  reader_->Scan(kState, prefix, from, [&](ByteSpan key, ByteSpan stored) {
    return stored.size() < kPositionSize || visit(key, stored.subspan(kPositionSize));
  });
}

absl::Status Snapshot::status() const {
  return reader_->status();
}

absl::StatusOr<Genesis> Snapshot::GetGenesis() const {
  return FindRecord<Genesis>(*reader_, kMeta, MetaKey("genesis"), "genesis");
}

absl::StatusOr<BlockInfo> Snapshot::GetInfo(uint64_t height) const {
  return FindRecord<BlockInfo>(*reader_, kInfos, HeightKey(height),
                               fmt::format("block {}", height));
}

absl::StatusOr<BlockHeader> Snapshot::GetHeader(uint64_t height) const {
  const std::string what = fmt::format("block {}", height);
  GONKA_ASSIGN_OR_RETURN(const ByteSpan bytes, Find(*reader_, kBlocks, HeightKey(height), what));
  // The header is the first field of the block, which has kind and version in front.
  Reader in(bytes);
  in.Raw(sizeof(uint16_t) + sizeof(uint8_t));
  BlockHeader header;
  codec::Read(in, header);
  if (in.failed()) return absl::DataLossError(fmt::format("{} is damaged in the archive", what));
  return header;
}

absl::StatusOr<Block> Snapshot::GetBlock(uint64_t height) const {
  return FindRecord<Block>(*reader_, kBlocks, HeightKey(height), fmt::format("block {}", height));
}

std::vector<Bytes> Snapshot::EncodedBlocks(uint64_t from, size_t bytes_max) const {
  std::vector<Bytes> blocks;
  size_t bytes = 0;
  reader_->Scan(kBlocks, {}, HeightKey(from), [&](ByteSpan key, ByteSpan block) {
    if (blocks.empty() && ToBytes(key) != HeightKey(from)) return false;
    bytes += block.size();
    if (!blocks.empty() && bytes > bytes_max) return false;
    blocks.push_back(ToBytes(block));
    return bytes < bytes_max;
  });
  return blocks;
}

absl::StatusOr<std::vector<Bytes>> Snapshot::GetLeaves(uint64_t height) const {
  GONKA_ASSIGN_OR_RETURN(const BlockInfo info, GetInfo(height));
  if (!info.leaf) return std::vector<Bytes>();
  GONKA_ASSIGN_OR_RETURN(const ByteSpan joined, Find(*reader_, kLeaves, HeightKey(height),
                                                     fmt::format("block {}", height)));
  GONKA_ASSIGN_OR_RETURN(const std::vector<ByteSpan> leaves, SplitLeaves(joined));
  if (leaves.size() != info.leaf->count || leaves.size() < size_t{info.receipts} + info.notices) {
    return absl::DataLossError(fmt::format("block {} has {} leaves in the archive, not {}", height,
                                           leaves.size(), info.leaf->count));
  }
  std::vector<Bytes> copies;
  copies.reserve(leaves.size());
  for (const ByteSpan leaf : leaves) copies.push_back(ToBytes(leaf));
  return copies;
}

absl::StatusOr<std::vector<Receipt>> Snapshot::GetReceipts(uint64_t height) const {
  GONKA_ASSIGN_OR_RETURN(const BlockInfo info, GetInfo(height));
  GONKA_ASSIGN_OR_RETURN(const std::vector<Bytes> leaves, GetLeaves(height));
  std::vector<Receipt> receipts;
  const size_t end = leaves.size() - (leaves.empty() ? 0 : info.notices);
  for (size_t i = end - (leaves.empty() ? 0 : info.receipts); i < end; ++i) {
    GONKA_ASSIGN_OR_RETURN(const ReceiptLeaf leaf, DecodeLeaf<ReceiptLeaf>(leaves[i]));
    receipts.push_back(leaf.receipt);
  }
  return receipts;
}

absl::StatusOr<std::vector<Notice>> Snapshot::GetNotices(uint64_t height) const {
  GONKA_ASSIGN_OR_RETURN(const BlockInfo info, GetInfo(height));
  GONKA_ASSIGN_OR_RETURN(const std::vector<Bytes> leaves, GetLeaves(height));
  std::vector<Notice> notices;
  for (size_t i = leaves.size() - (leaves.empty() ? 0 : info.notices); i < leaves.size(); ++i) {
    GONKA_ASSIGN_OR_RETURN(NoticeLeaf leaf, DecodeLeaf<NoticeLeaf>(leaves[i]));
    notices.push_back(std::move(leaf.notice));
  }
  return notices;
}

absl::StatusOr<Notice> Snapshot::GetNotice(uint64_t height, uint32_t index) const {
  GONKA_ASSIGN_OR_RETURN(std::vector<Notice> notices, GetNotices(height));
  if (index >= notices.size()) {
    return absl::NotFoundError(
        fmt::format("block {} has {} notices, no number {}", height, notices.size(), index));
  }
  return std::move(notices[index]);
}

absl::StatusOr<TxPosition> Snapshot::FindTx(const TxHash& tx) const {
  return FindRecord<TxPosition>(*reader_, kTxs, tx.value.span(),
                                fmt::format("transaction {}", Hex(tx)));
}

absl::StatusOr<LeafPosition> Snapshot::FindStateLeaf(ByteSpan key) const {
  const std::string what = fmt::format("state key {}", Hex(key));
  GONKA_ASSIGN_OR_RETURN(const ByteSpan stored, Find(*reader_, kState, key, what));
  if (stored.size() < kPositionSize) {
    return absl::DataLossError(fmt::format("{} is damaged in the archive", what));
  }
  return Decode<LeafPosition>(stored.first(kPositionSize));
}

std::vector<NoticePosition> Snapshot::FindNotices(const Hash& subject, uint64_t from_height,
                                                  size_t limit) const {
  std::vector<NoticePosition> found;
  if (limit == 0) return found;
  reader_->Scan(kSubjects, subject.span(), SubjectKey(subject, from_height, 0),
                [&](ByteSpan key, ByteSpan value) {
                  const ByteSpan position = key.subspan(Hash::kSize);
                  found.push_back({.height = ReadBigEndian<uint64_t>(position),
                                   .index = ReadBigEndian<uint32_t>(position.subspan(8)),
                                   .kind = value.empty() ? uint8_t{0} : value[0]});
                  return found.size() < limit;
                });
  return found;
}

absl::StatusOr<ledger::Overlay::Changes> Snapshot::GetStateBefore() const {
  ledger::Overlay::Changes before;
  absl::Status status;
  reader_->Scan(kBefore, {}, {}, [&](ByteSpan, ByteSpan bytes) {
    absl::StatusOr<StateBefore> block = Decode<StateBefore>(bytes);
    status = block.status();
    if (!status.ok()) return false;
    // What the first block has overwritten is the oldest.
    for (StateWrite& entry : block->entries) {
      before.emplace(std::move(entry.key), std::move(entry.value));
    }
    return true;
  });
  GONKA_RETURN_IF_ERROR(reader_->status());
  if (!status.ok()) return absl::DataLossError("the table \"before\" is damaged");
  return before;
}

absl::StatusOr<Hash> Snapshot::GetHistoryNode(uint32_t level, uint64_t index) const {
  const std::string what = fmt::format("node ({}, {}) of the history", level, index);
  GONKA_ASSIGN_OR_RETURN(const ByteSpan bytes, Find(*reader_, kNodes, NodeKey(level, index), what));
  return Decode<Hash>(bytes);
}

}  // namespace gonka::store
