#include "gonka/store/shadow.h"

#include <fmt/format.h>

#include "store/commit.h"
#include "store/tables.h"

namespace gonka::store {
namespace {

std::string NameOfKey(ByteSpan key) {
  const std::string letter(1, key.empty() ? '?' : static_cast<char>(key[0]));
  return fmt::format("state entry '{}' {}", letter, Hex(key.subspan(key.empty() ? 0 : 1)));
}

}  // namespace

Shadow::Shadow() = default;
Shadow::~Shadow() = default;

std::optional<Bytes> Shadow::Get(ByteSpan key) const {
  const auto it = state_.find(ToBytes(key));
  if (it == state_.end()) return std::nullopt;
  return Bytes(it->second.begin() + kPositionSize, it->second.end());
}

void Shadow::Scan(ByteSpan prefix, ByteSpan from,
                  const std::function<bool(ByteSpan, ByteSpan)>& visit) const {
  for (auto it = state_.lower_bound(std::max(ToBytes(prefix), ToBytes(from)));
       it != state_.end() && StartsWith(it->first, prefix); ++it) {
    if (!visit(it->first, ByteSpan(it->second).subspan(kPositionSize))) return;
  }
}

void Shadow::TakeGenesis(const Genesis& genesis, const ledger::BlockResult& result) {
  Take(GenesisMutations(genesis, result));
}

void Shadow::TakeBlock(const Block& block, const ledger::BlockResult& result) {
  Take(BlockMutations(tip_, block, result));
}

void Shadow::Take(std::vector<Mutation> mutations) {
  tip_ = TipOf(mutations);
  archive_.clear();
  for (Mutation& mutation : mutations) {
    if (mutation.table == kMeta) continue;  // The tip is compared by whoever replays.
    if (mutation.table != kState) {
      archive_.push_back(std::move(mutation));
    } else if (mutation.value) {
      state_[mutation.key] = *std::move(mutation.value);
    } else {
      state_.erase(mutation.key);
    }
  }
}

absl::StatusOr<Shadow::Difference> Shadow::CompareArchive(const Snapshot& recorded) const {
  const KvReader& reader = recorded.reader();
  for (const Mutation& mutation : archive_) {
    // Of a transaction that was not admitted here the index may name another place.
    if (mutation.keep_existing) continue;
    const std::optional<ByteSpan> found = reader.Get(mutation.table, mutation.key);
    GONKA_RETURN_IF_ERROR(reader.status());
    const std::string what =
        fmt::format("entry {} of table '{}'", Hex(mutation.key), kTableNames[mutation.table]);
    if (!found) return Difference(fmt::format("{} is missing from the archive", what));
    if (ToBytes(*found) == *mutation.value) continue;
    return Difference(fmt::format("{} is not what the block gives", what));
  }
  return Difference();
}

absl::StatusOr<Shadow::Difference> Shadow::CompareState(const Snapshot& recorded) const {
  Difference difference;
  auto ours = state_.begin();
  recorded.reader().Scan(kState, {}, {}, [&](ByteSpan key, ByteSpan stored) {
    const Bytes name = ToBytes(key);
    if (ours == state_.end() || name < ours->first) {
      difference = fmt::format("{} is recorded, but no block wrote it", NameOfKey(key));
    } else if (ours->first < name) {
      difference = fmt::format("{} is missing", NameOfKey(ours->first));
    } else if (ours->second != ToBytes(stored)) {
      difference = fmt::format("{} is recorded as {}, the blocks give {}", NameOfKey(key),
                               Hex(stored.subspan(std::min(stored.size(), kPositionSize))),
                               Hex(ByteSpan(ours->second).subspan(kPositionSize)));
    }
    if (difference) return false;
    ++ours;
    return true;
  });
  GONKA_RETURN_IF_ERROR(recorded.status());
  if (!difference && ours != state_.end()) {
    difference = fmt::format("{} is missing", NameOfKey(ours->first));
  }
  return difference;
}

}  // namespace gonka::store
