// Tables in memory, with versions: every write batch has a number, a reader sees the batches up to
// its own, and what no reader can see any more is pruned at the next write.

#include <deque>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "gonka/store/memory_disk.h"
#include "store/kv.h"

namespace gonka::store {
namespace {

struct Version {
  uint64_t since = 0;
  std::optional<Bytes> value;
};
using Table = std::map<Bytes, std::vector<Version>, BytesLess>;

struct Garbage {
  uint64_t since = 0;
  TableId table = 0;
  Table::iterator entry;
};

}  // namespace

struct MemoryTables {
  std::shared_mutex mutex;
  std::vector<Table> tables;
  uint64_t version = 0;
  std::map<uint64_t, size_t> readers;  // By the version that they see.
  std::deque<Garbage> garbage;         // Ascending by since: what these writes made invisible.
  uint64_t synced = 0;                 // Versions up to this one survive a power failure.
  uint32_t sync_every = 1;
  bool full = false;
};

namespace {

using State = MemoryTables;

// The spans that it gives stay put: a version that a live reader sees is not pruned, and moving its
// Bytes within the vector does not move what they hold.
const Bytes* Visible(const std::vector<Version>& versions, uint64_t version) {
  const Bytes* value = nullptr;
  for (const Version& candidate : versions) {
    if (candidate.since > version) break;
    value = candidate.value ? &*candidate.value : nullptr;
  }
  return value;
}

class MemoryReader final : public KvReader {
 public:
  explicit MemoryReader(std::shared_ptr<State> state) : state_(std::move(state)) {
    std::unique_lock lock(state_->mutex);
    version_ = state_->version;
    ++state_->readers[version_];
  }
  ~MemoryReader() override {
    std::unique_lock lock(state_->mutex);
    const auto it = state_->readers.find(version_);
    if (--it->second == 0) state_->readers.erase(it);
  }

  std::optional<ByteSpan> Get(TableId table, ByteSpan key) const override {
    std::shared_lock lock(state_->mutex);
    const auto it = state_->tables[table].find(key);
    if (it == state_->tables[table].end()) return std::nullopt;
    const Bytes* value = Visible(it->second, version_);
    if (value == nullptr) return std::nullopt;
    return ByteSpan(*value);
  }

  void Scan(TableId table, ByteSpan prefix, ByteSpan from,
            const std::function<bool(ByteSpan, ByteSpan)>& visit) const override {
    const BytesLess less;
    std::shared_lock lock(state_->mutex);
    const Table& rows = state_->tables[table];
    for (auto it = rows.lower_bound(less(prefix, from) ? from : prefix);
         it != rows.end() && StartsWith(it->first, prefix); ++it) {
      const Bytes* value = Visible(it->second, version_);
      if (value == nullptr) continue;
      const ByteSpan span = *value;
      // Unlocked, as visit may read, too. The entry stays: this reader sees it.
      lock.unlock();
      if (!visit(it->first, span)) return;
      lock.lock();
    }
  }

  absl::Status status() const override { return absl::OkStatus(); }

 private:
  const std::shared_ptr<State> state_;
  uint64_t version_ = 0;
};

class MemoryKv final : public Kv {
 public:
  MemoryKv(size_t tables, std::shared_ptr<State> state) : state_(std::move(state)) {
    state_->tables.resize(tables);
  }

  absl::StatusOr<std::shared_ptr<const KvReader>> Read() const override {
    return std::make_shared<MemoryReader>(state_);
  }

  absl::Status Write(std::span<const Mutation> mutations) override {
    GONKA_RETURN_IF_ERROR(CheckMutations(mutations));
    std::unique_lock lock(state_->mutex);
    if (state_->full) return absl::ResourceExhaustedError("the disk is full");
    ++state_->version;
    for (const Mutation& mutation : mutations) Apply(mutation);
    const bool sync =
        state_->sync_every > 0 && state_->version - state_->synced >= state_->sync_every;
    if (sync) state_->synced = state_->version;
    Prune();
    return absl::OkStatus();
  }

 private:
  void Apply(const Mutation& mutation) {
    Table& table = state_->tables[mutation.table];
    const auto it = table.try_emplace(mutation.key).first;
    std::vector<Version>& versions = it->second;
    if (mutation.keep_existing && !versions.empty() && versions.back().value) return;
    if (!versions.empty() && versions.back().since == state_->version) {
      versions.back().value = mutation.value;
      return;
    }
    if (!versions.empty() || !mutation.value) {
      state_->garbage.push_back({state_->version, mutation.table, it});
    }
    versions.push_back({state_->version, mutation.value});
  }

  // Drops what the writes up to the oldest reader's version have replaced, and not what a power
  // failure would bring back.
  void Prune() {
    uint64_t oldest = state_->readers.empty() ? state_->version : state_->readers.begin()->first;
    oldest = std::min(oldest, state_->synced);
    while (!state_->garbage.empty() && state_->garbage.front().since <= oldest) {
      const Garbage item = state_->garbage.front();
      state_->garbage.pop_front();
      std::vector<Version>& versions = item.entry->second;
      auto keep = versions.begin();
      while (keep->since < item.since) ++keep;
      if (!keep->value) ++keep;  // Nobody needs to be told that it is gone.
      versions.erase(versions.begin(), keep);
      if (versions.empty()) state_->tables[item.table].erase(item.entry);
    }
  }

  const std::shared_ptr<State> state_;
};

}  // namespace

std::unique_ptr<Kv> MakeMemoryKv(size_t tables) {
  return std::make_unique<MemoryKv>(tables, std::make_shared<MemoryTables>());
}

std::unique_ptr<Kv> MakeMemoryKv(size_t tables, const MemoryDisk& disk) {
  return std::make_unique<MemoryKv>(tables, disk.tables());
}

MemoryDisk::MemoryDisk() : tables_(std::make_shared<MemoryTables>()) {}
MemoryDisk::~MemoryDisk() = default;

void MemoryDisk::SyncEvery(uint32_t writes) {
  std::unique_lock lock(tables_->mutex);
  tables_->sync_every = writes;
}

void MemoryDisk::Sync() {
  std::unique_lock lock(tables_->mutex);
  tables_->synced = tables_->version;
}

size_t MemoryDisk::unsynced() const {
  std::shared_lock lock(tables_->mutex);
  return tables_->version - tables_->synced;
}

void MemoryDisk::SetFull(bool full) {
  std::unique_lock lock(tables_->mutex);
  tables_->full = full;
}

void MemoryDisk::LoseUnsynced(size_t kept) {
  std::unique_lock lock(tables_->mutex);
  const uint64_t last = std::min(tables_->version, tables_->synced + kept);
  std::erase_if(tables_->garbage, [&](const Garbage& item) { return item.since > last; });
  for (Table& table : tables_->tables) {
    for (auto it = table.begin(); it != table.end();) {
      std::erase_if(it->second, [&](const Version& version) { return version.since > last; });
      it = it->second.empty() ? table.erase(it) : std::next(it);
    }
  }
  tables_->version = tables_->synced = last;
}

}  // namespace gonka::store
