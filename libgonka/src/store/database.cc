#include "gonka/store/database.h"

#include <fmt/format.h>

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

absl::Status Database::CommitBlock(const Block& block, const ledger::BlockResult& result) {
  GONKA_ASSIGN_OR_RETURN(const std::optional<Tip> tip, ReadTip());
  if (!tip) return absl::FailedPreconditionError(fmt::format("{} has no genesis", name_));
  const BlockHeader& header = block.header;
  if (header.height != tip->height + 1 || header.previous != tip->hash) {
    return absl::FailedPreconditionError(
        fmt::format("block {} on {} does not follow block {} with hash {} in {}", header.height,
                    Hex(header.previous), tip->height, Hex(tip->hash), name_));
  }
  return kv_->Write(BlockMutations(*tip, block, result));
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
