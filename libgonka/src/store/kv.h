#pragma once

// Sorted tables of bytes with atomic batches and consistent reads: all that the store asks of LMDB,
// and what memory imitates.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"
#include "gonka/store/database.h"

namespace gonka::store {

using TableId = size_t;  // An index into the names that the Kv was opened with.

inline constexpr size_t kKeyMax = 511;  // LMDB's; memory keeps to it, too.

struct Mutation {
  TableId table = 0;
  Bytes key;
  std::optional<Bytes> value;  // Nothing deletes the key.
  bool keep_existing = false;  // Does nothing where the key is there.
};
// Key lengths are within the bounds.
absl::Status CheckMutations(std::span<const Mutation> mutations);

// What was committed when it was made. Spans live as long as the reader. One thread at a time.
class KvReader {
 public:
  virtual ~KvReader() = default;
  virtual std::optional<ByteSpan> Get(TableId table, ByteSpan key) const = 0;
  // See ledger::View::Scan.
  virtual void Scan(TableId table, ByteSpan prefix, ByteSpan from,
                    const std::function<bool(ByteSpan key, ByteSpan value)>& visit) const = 0;
  // The first failure of a read so far; from then on keys look absent.
  virtual absl::Status status() const = 0;
};

class Kv {
 public:
  virtual ~Kv() = default;
  // Any thread.
  virtual absl::StatusOr<std::shared_ptr<const KvReader>> Read() const = 0;
  // All or nothing, in order. Any thread; one at a time runs.
  virtual absl::Status Write(std::span<const Mutation> mutations) = 0;
};

absl::StatusOr<std::unique_ptr<Kv>> OpenLmdbKv(const std::string& directory,
                                               const std::vector<std::string>& tables,
                                               const LmdbOptions& options);
std::unique_ptr<Kv> MakeMemoryKv(size_t tables);
std::unique_ptr<Kv> MakeMemoryKv(size_t tables, const MemoryDisk& disk);

// Bytewise, shorter first; for maps that are searched with spans.
struct BytesLess {
  using is_transparent = void;
  bool operator()(ByteSpan a, ByteSpan b) const {
    return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
  }
};
bool StartsWith(ByteSpan key, ByteSpan prefix);

}  // namespace gonka::store
