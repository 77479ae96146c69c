#include "gonka/store/payloads.h"

#include <fmt/format.h>

#include "store/tables.h"

namespace gonka::store {
namespace {

enum PayloadTables : TableId {
  kPayloads,  // inference -> StoredPayload
  kEpochs,    // epoch, inference -> u64 bytes
};
const std::vector<std::string> kPayloadTableNames = {"payloads", "epochs"};

Bytes EpochKey(uint64_t epoch, const InferenceId& inference) {
  Bytes key = HeightKey(epoch);
  key.insert(key.end(), inference.value.bytes.begin(), inference.value.bytes.end());
  return key;
}

// Inferences that one transaction forgets, so that no transaction grows without bound.
constexpr size_t kDropBatch = 1'024;

}  // namespace

PayloadStore::PayloadStore(std::string name, std::unique_ptr<Kv> kv, uint64_t bytes_max)
    : name_(std::move(name)), kv_(std::move(kv)), bytes_max_(bytes_max) {}
PayloadStore::~PayloadStore() = default;

absl::StatusOr<std::unique_ptr<PayloadStore>> PayloadStore::OpenLmdb(
    const std::string& directory, const PayloadOptions& options) {
  GONKA_ASSIGN_OR_RETURN(std::unique_ptr<Kv> kv,
                         OpenLmdbKv(directory, kPayloadTableNames, options.lmdb));
  std::unique_ptr<PayloadStore> payloads(
      new PayloadStore(directory, std::move(kv), options.bytes_max));
  GONKA_RETURN_IF_ERROR(payloads->LoadBytes());
  return payloads;
}

std::unique_ptr<PayloadStore> PayloadStore::InMemory(uint64_t bytes_max) {
  return std::unique_ptr<PayloadStore>(
      new PayloadStore("memory", MakeMemoryKv(kPayloadTableNames.size()), bytes_max));
}

absl::Status PayloadStore::LoadBytes() {
  GONKA_ASSIGN_OR_RETURN(const std::shared_ptr<const KvReader> reader, kv_->Read());
  reader->Scan(kEpochs, {}, {}, [&](ByteSpan, ByteSpan size) {
    bytes_ += Reader(size).Int<uint64_t>();
    return true;
  });
  return reader->status();
}

absl::Status PayloadStore::Put(const InferenceId& inference, uint64_t epoch,
                               const StoredPayload& payload) {
  Bytes encoded = Encode(payload);
  const uint64_t size = encoded.size();
  Writer size_value;
  size_value.Int(size);
  const ByteSpan key = inference.value.span();
  const Mutation mutations[] = {
      {kPayloads, ToBytes(key), std::move(encoded), false},
      {kEpochs, EpochKey(epoch, inference), size_value.Take(), false},
  };
  std::lock_guard lock(mutex_);
  GONKA_ASSIGN_OR_RETURN(const std::shared_ptr<const KvReader> reader, kv_->Read());
  if (reader->Get(kPayloads, key)) {
    return absl::AlreadyExistsError(
        fmt::format("the payload of inference {} is stored already", Hex(inference)));
  }
  GONKA_RETURN_IF_ERROR(reader->status());
  if (size > bytes_max_ || bytes_ > bytes_max_ - size) {
    return absl::ResourceExhaustedError(
        fmt::format("payload store {} is full: {} of {} bytes are used, inference {} needs {}",
                    name_, bytes_, bytes_max_, Hex(inference), size));
  }
  GONKA_RETURN_IF_ERROR(kv_->Write(mutations));
  bytes_ += size;
  return absl::OkStatus();
}

absl::StatusOr<StoredPayload> PayloadStore::Get(const InferenceId& inference) const {
  GONKA_ASSIGN_OR_RETURN(const std::shared_ptr<const KvReader> reader, kv_->Read());
  const std::optional<ByteSpan> bytes = reader->Get(kPayloads, inference.value.span());
  GONKA_RETURN_IF_ERROR(reader->status());
  if (!bytes) {
    return absl::NotFoundError(
        fmt::format("the payload of inference {} is not stored", Hex(inference)));
  }
  return Decode<StoredPayload>(*bytes);
}

absl::StatusOr<uint64_t> PayloadStore::DropBelow(uint64_t epoch) {
  std::lock_guard lock(mutex_);
  const Bytes end = HeightKey(epoch);
  uint64_t dropped = 0;
  while (true) {
    std::vector<Mutation> mutations;
    uint64_t freed = 0;
    {
      GONKA_ASSIGN_OR_RETURN(const std::shared_ptr<const KvReader> reader, kv_->Read());
      reader->Scan(kEpochs, {}, {}, [&](ByteSpan key, ByteSpan size) {
        if (!BytesLess()(key, end)) return false;
        mutations.push_back({kEpochs, ToBytes(key), std::nullopt, false});
        mutations.push_back({kPayloads, ToBytes(key.subspan(8)), std::nullopt, false});
        freed += Reader(size).Int<uint64_t>();
        return mutations.size() < 2 * kDropBatch;
      });
      GONKA_RETURN_IF_ERROR(reader->status());
    }
    if (mutations.empty()) return dropped;
    GONKA_RETURN_IF_ERROR(kv_->Write(mutations));
    dropped += mutations.size() / 2;
    bytes_ -= freed;
  }
}

uint64_t PayloadStore::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace gonka::store
