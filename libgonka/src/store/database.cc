#include "gonka/store/database.h"

#include <fmt/format.h>

#include <set>

#include "store/commit.h"
#include "store/tables.h"

namespace gonka::store {
namespace {

template <class T>
absl::StatusOr<std::optional<T>> ReadMeta(const KvReader& reader, std::string_view name) {
  const std::optional<ByteSpan> bytes = reader.Get(kMeta, AsBytes(name));
  GONKA_RETURN_IF_ERROR(reader.status());
  if (!bytes) return std::optional<T>();
  GONKA_ASSIGN_OR_RETURN(T value, Decode<T>(*bytes));
  return std::optional<T>(std::move(value));
}

// Before anything else of the database is decoded.
absl::Status CheckFormat(const Kv& kv, const std::string& name) {
  GONKA_ASSIGN_OR_RETURN(const std::shared_ptr<const KvReader> reader, kv.Read());
  const std::optional<ByteSpan> bytes = reader->Get(kMeta, MetaKey("format"));
  GONKA_RETURN_IF_ERROR(reader->status());
  if (!bytes) return absl::OkStatus();
  Reader in(*bytes);
  const auto format = in.Int<uint32_t>();
  if (!in.failed() && in.remaining() == 0 && format == kFormat) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "data directory {} has format {}, this program reads format {}", name, Hex(*bytes), kFormat));
}

absl::Status CheckFollows(const BlockHeader& header, const Tip& tip, const std::string& name) {
  if (header.height == tip.height + 1 && header.previous == tip.hash) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("block {} on {} does not follow block {} with hash {} in {}", header.height,
                  Hex(header.previous), tip.height, Hex(tip.hash), name));
}

// What is kept of an earlier state while blocks are added.
class EarlierState {
 public:
  explicit EarlierState(const KvReader& reader) : reader_(reader) {}

  void Add(const Database::BlockCommit& commit, std::vector<Mutation>& mutations) {
    if (commit.options.state_root) {
      Drop(mutations);
      mutations.push_back(
          {kMeta, MetaKey("state root"), Encode(*commit.options.state_root), false});
    } else if (commit.options.keep_before) {
      Keep(commit, mutations);
    }
  }

 private:
  void Drop(std::vector<Mutation>& mutations) {
    reader_.Scan(kBefore, {}, {}, [&](ByteSpan key, ByteSpan) {
      mutations.push_back({kBefore, ToBytes(key), std::nullopt, false});
      return true;
    });
    for (const uint64_t height : kept_) {
      mutations.push_back({kBefore, HeightKey(height), std::nullopt, false});
    }
    kept_.clear();
  }
  // What an earlier block of the same transaction has written is in that block's entry.
  void Keep(const Database::BlockCommit& commit, std::vector<Mutation>& mutations) {
    StateBefore before;
    for (const StateWrite& write : commit.result.writes) {
      if (!written_.insert(write.key).second) continue;
      StateWrite& entry = before.entries.emplace_back();
      entry.key = write.key;
      const std::optional<ByteSpan> stored = reader_.Get(kState, write.key);
      if (stored && stored->size() >= kPositionSize) {
        entry.value = ToBytes(stored->subspan(kPositionSize));
      }
    }
    kept_.push_back(commit.block.header.height);
    mutations.push_back({kBefore, HeightKey(kept_.back()), Encode(before), false});
  }

  const KvReader& reader_;
  std::set<Bytes> written_;
  std::vector<uint64_t> kept_;
};

}  // namespace

Database::Database(std::string name, std::unique_ptr<Kv> kv)
    : name_(std::move(name)), kv_(std::move(kv)) {}
Database::~Database() = default;

absl::StatusOr<std::unique_ptr<Database>> Database::OpenLmdb(const std::string& directory,
                                                             const LmdbOptions& options) {
  GONKA_ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv, OpenLmdbKv(directory, kTableNames, options));
  GONKA_RETURN_IF_ERROR(CheckFormat(*kv, directory));
  std::unique_ptr<Database> database(new Database(directory, std::move(kv)));
  const auto tip = database->ReadTip();
  if (!tip.ok()) return Annotate(tip.status(), fmt::format("data directory {}", directory));
  return database;
}

std::unique_ptr<Database> Database::InMemory() {
  return std::unique_ptr<Database>(new Database("memory", MakeMemoryKv(kTableNames.size())));
}

std::unique_ptr<Database> Database::InMemory(const MemoryDisk& disk) {
  return std::unique_ptr<Database>(new Database("memory", MakeMemoryKv(kTableNames.size(), disk)));
}

absl::StatusOr<std::optional<Tip>> Database::ReadTip() const {
  GONKA_ASSIGN_OR_RETURN(const std::shared_ptr<const KvReader> reader, kv_->Read());
  return ReadMeta<Tip>(*reader, "tip");
}

absl::Status Database::CheckNetwork(const NetworkId& network) const {
  GONKA_ASSIGN_OR_RETURN(const std::optional<Tip> tip, ReadTip());
  if (!tip || tip->network == network) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "data directory {} belongs to network {}, not {}", name_, Hex(tip->network), Hex(network)));
}

absl::Status Database::CommitGenesis(const Genesis& genesis, const ledger::BlockResult& result) {
  GONKA_ASSIGN_OR_RETURN(const std::optional<Tip> tip, ReadTip());
  if (tip) {
    return absl::FailedPreconditionError(
        fmt::format("{} has a genesis already, of network {}", name_, Hex(tip->network)));
  }
  return kv_->Write(GenesisMutations(genesis, result));
}

absl::Status Database::CommitBlock(const Block& block, const ledger::BlockResult& result,
                                   const CommitOptions& options) {
  const BlockCommit commit{block, result, options};
  return CommitBlocks({&commit, 1});
}

absl::Status Database::CommitBlocks(std::span<const BlockCommit> blocks) {
  GONKA_ASSIGN_OR_RETURN(const std::shared_ptr<const KvReader> reader, kv_->Read());
  GONKA_ASSIGN_OR_RETURN(std::optional<Tip> tip, ReadMeta<Tip>(*reader, "tip"));
  if (!tip) return absl::FailedPreconditionError(fmt::format("{} has no genesis", name_));
  std::vector<Mutation> mutations;
  EarlierState earlier(*reader);
  for (const BlockCommit& commit : blocks) {
    GONKA_RETURN_IF_ERROR(CheckFollows(commit.block.header, *tip, name_));
    earlier.Add(commit, mutations);
    std::vector<Mutation> own = BlockMutations(*tip, commit.block, commit.result);
    tip = TipOf(own);
    mutations.insert(mutations.end(), std::make_move_iterator(own.begin()),
                     std::make_move_iterator(own.end()));
  }
  GONKA_RETURN_IF_ERROR(reader->status());
  return kv_->Write(mutations);
}

absl::Status Database::CommitState(const Genesis& genesis, const Block& block,
                                   const MerkleFrontier& history,
                                   std::span<const StateWrite> state) {
  GONKA_ASSIGN_OR_RETURN(const std::optional<Tip> tip, ReadTip());
  if (tip) {
    return absl::FailedPreconditionError(
        fmt::format("{} has a state already, after block {}", name_, tip->height));
  }
  return kv_->Write(StateMutations(genesis, block, history, state));
}

absl::StatusOr<SnapshotPtr> Database::Snapshot() const {
  GONKA_ASSIGN_OR_RETURN(std::shared_ptr<const KvReader> reader, kv_->Read());
  GONKA_ASSIGN_OR_RETURN(std::optional<Tip> tip, ReadMeta<Tip>(*reader, "tip"));
  if (!tip) return absl::FailedPreconditionError(fmt::format("{} has no genesis", name_));
  return std::make_shared<const store::Snapshot>(std::move(reader), *std::move(tip));
}

absl::StatusOr<std::optional<ledger::StateRoot>> Database::ReadStateRoot() const {
  GONKA_ASSIGN_OR_RETURN(const std::shared_ptr<const KvReader> reader, kv_->Read());
  return ReadMeta<ledger::StateRoot>(*reader, "state root");
}

absl::Status Database::KeepEvidence(const Equivocation& evidence) {
  const Mutation mutation{
      .table = kMeta, .key = MetaKey("evidence"), .value = Encode(evidence), .keep_existing = true};
  return kv_->Write({&mutation, 1});
}

absl::StatusOr<std::optional<Equivocation>> Database::ReadEvidence() const {
  GONKA_ASSIGN_OR_RETURN(const std::shared_ptr<const KvReader> reader, kv_->Read());
  return ReadMeta<Equivocation>(*reader, "evidence");
}

}  // namespace gonka::store
