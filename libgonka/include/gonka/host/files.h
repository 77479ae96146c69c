#pragma once

// Files as a daemon needs them: whole, bounded, durable. Errors name the path and the cause.

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gonka/base/bytes.h"

namespace gonka::host {

// kNotFound where there is none; kResourceExhausted beyond size_max bytes.
absl::StatusOr<std::string> ReadFile(const std::string& path, size_t size_max = 64 << 20);

// The file holds either what it held before or all of data, whatever happens in between: written
// beside it, synced, renamed, and the directory synced. mode is that of open(2), e.g. 0600 for
// keys.
absl::Status WriteFileAtomic(const std::string& path, ByteSpan data, unsigned mode = 0644);

// Makes the directory and its parents (0700) where they are missing.
absl::Status MakeDirectory(const std::string& path);

// Claims a data directory for this process. The lock goes with the process, however it ends.
class LockFile {
 public:
  // directory/LOCK is made if need be. Where another process has it, kFailedPrecondition names the
  // directory and that process.
  static absl::StatusOr<LockFile> Acquire(const std::string& directory);

  LockFile(LockFile&& other) noexcept;
  LockFile& operator=(LockFile&& other) noexcept;
  ~LockFile();

 private:
  explicit LockFile(int fd) : fd_(fd) {}

  int fd_ = -1;
};

}  // namespace gonka::host
