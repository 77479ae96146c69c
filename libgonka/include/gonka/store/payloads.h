#pragma once

// What executors and transfer agents keep for checks: payload and artifact of each inference, until
// its epoch is dropped. It lies beside the ledger's database, in a directory of its own.
//
// Any thread may call anything.

#include <memory>
#include <mutex>
#include <string>

#include "gonka/protocol/request.h"
#include "gonka/store/database.h"

namespace gonka::store {

struct StoredPayload {
  static constexpr RecordKind kKind{210, 1};
  Blob<16'777'216> payload;  // An encoded Payload.
  Blob<67'108'864> artifact;
  GONKA_FIELDS(StoredPayload, payload, artifact)
};

struct PayloadOptions {
  uint64_t bytes_max = uint64_t{8} << 30;  // Of all payloads and artifacts; beyond it Put refuses.
  LmdbOptions lmdb;
};

class PayloadStore {
 public:
  static absl::StatusOr<std::unique_ptr<PayloadStore>> OpenLmdb(const std::string& directory,
                                                                const PayloadOptions& options = {});
  static std::unique_ptr<PayloadStore> InMemory(uint64_t bytes_max = uint64_t{1} << 30);
  ~PayloadStore();

  // kAlreadyExists where the inference is there: what was committed to does not change.
  // kResourceExhausted beyond bytes_max: evidence is never evicted to make room.
  absl::Status Put(const InferenceId& inference, uint64_t epoch, const StoredPayload& payload);
  // kNotFound names the inference.
  absl::StatusOr<StoredPayload> Get(const InferenceId& inference) const;
  // Forgets every epoch below this one; says how many inferences went.
  absl::StatusOr<uint64_t> DropBelow(uint64_t epoch);
  uint64_t bytes() const;

 private:
  PayloadStore(std::string name, std::unique_ptr<Kv> kv, uint64_t bytes_max);
  absl::Status LoadBytes();

  const std::string name_;
  const std::unique_ptr<Kv> kv_;
  const uint64_t bytes_max_;
  mutable std::mutex mutex_;
  uint64_t bytes_ = 0;
};

}  // namespace gonka::store
