#include "store/lmdb_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

namespace gonka::store {
namespace {

struct Lengths {
  uint64_t page = 0;
  uint64_t pages = 0;  // Taken so far, the free ones included.
  uint64_t file = 0;   // Bytes.
};

absl::StatusOr<Lengths> Measure(MDB_env* env, const std::string& path) {
  MDB_envinfo info;
  MDB_stat stat;
  if (const int rc = mdb_env_info(env, &info)) return LmdbError("cannot inspect " + path, rc);
  if (const int rc = mdb_env_stat(env, &stat)) return LmdbError("cannot inspect " + path, rc);
  std::error_code error;
  const uint64_t file = std::filesystem::file_size(path, error);
  if (error) return LmdbError("cannot inspect " + path, error.value());
  return Lengths{stat.ms_psize, info.me_last_pgno + 1, file};
}

// Marks the pages from first on that the list of free pages names. Entries of that table (handle 0)
// are arrays of size_t: a count and so many page numbers.
absl::Status MarkFree(MDB_txn* txn, uint64_t first, std::vector<bool>& is_free) {
  MDB_cursor* cursor = nullptr;
  if (const int rc = mdb_cursor_open(txn, 0, &cursor)) return LmdbError("free list", rc);
  MDB_val key;
  MDB_val value;
  int rc = MDB_SUCCESS;
  while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == MDB_SUCCESS) {
    const auto* numbers = static_cast<const size_t*>(value.mv_data);
    const size_t count = value.mv_size < sizeof(size_t) ? 0 : numbers[0];
    for (size_t i = 1; i <= count && (i + 1) * sizeof(size_t) <= value.mv_size; ++i) {
      if (numbers[i] >= first && numbers[i] - first < is_free.size()) {
        is_free[numbers[i] - first] = true;
      }
    }
  }
  mdb_cursor_close(cursor);
  return rc == MDB_NOTFOUND ? absl::OkStatus() : LmdbError("free list", rc);
}

absl::StatusOr<bool> MissingPagesAreFree(MDB_env* env, const Lengths& lengths) {
  const uint64_t first = lengths.file / lengths.page;
  std::vector<bool> is_free(lengths.pages - first);
  MDB_txn* txn = nullptr;
  if (const int rc = mdb_txn_begin(env, nullptr, MDB_RDONLY, &txn)) return LmdbError("read", rc);
  const absl::Status marked = MarkFree(txn, first, is_free);
  mdb_txn_abort(txn);
  GONKA_RETURN_IF_ERROR(marked);
  return std::find(is_free.begin(), is_free.end(), false) == is_free.end();
}

}  // namespace

absl::Status LmdbError(const std::string& what, int code) {
  const std::string message = fmt::format("{}: {}", what, mdb_strerror(code));
  switch (code) {
    case MDB_MAP_FULL:
    case MDB_READERS_FULL:
    case MDB_TXN_FULL:
    case ENOSPC:
    case ENOMEM:
      return absl::ResourceExhaustedError(message);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
      return absl::DataLossError(message);
    case MDB_PANIC:
      // A meta page could not be written. What is on disk is whole; what is in memory may not be.
      return absl::UnavailableError(message + "; restart the process once the disk is well");
    case MDB_VERSION_MISMATCH:
      return absl::FailedPreconditionError(message);
    default:
      return absl::UnavailableError(message);
  }
}

// A file may rightly be shorter than its last page number says: pages at its end that were taken
// and freed within one transaction were never written. These are on the free list, and nothing else
// may be missing. To read that list safely the file is first made as long as it should be.
absl::Status CheckFileLength(MDB_env* env, const std::string& path, bool read_only) {
  GONKA_ASSIGN_OR_RETURN(const Lengths lengths, Measure(env, path));
  const uint64_t needed = lengths.pages * lengths.page;
  if (lengths.file >= needed) return absl::OkStatus();
  if (truncate(path.c_str(), static_cast<off_t>(needed)) != 0) {
    const std::string what = fmt::format(
        "{} has {} bytes of {}; to see whether these are missed it must be extended, and cannot be",
        path, lengths.file, needed);
    return read_only ? absl::DataLossError(what) : LmdbError(what, errno);
  }
  const absl::StatusOr<bool> missing_are_free = MissingPagesAreFree(env, lengths);
  const bool harmless = missing_are_free.ok() && *missing_are_free;
  if (harmless && !read_only) return absl::OkStatus();
  if (truncate(path.c_str(), static_cast<off_t>(lengths.file)) != 0) {
    return LmdbError("cannot shorten " + path, errno);
  }
  if (harmless) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{} is truncated: it has {} bytes of {}; restore it, or remove the directory to "
                  "start from genesis",
                  path, lengths.file, needed));
}

}  // namespace gonka::store
