#pragma once

// A whole file as read-only memory, for as long as the object lives.

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"

namespace gonka::model {

class MappedFile {
 public:
  // Regular, non-empty files only.
  static absl::StatusOr<std::unique_ptr<MappedFile>> Open(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const std::string& path() const { return path_; }
  size_t size() const { return size_; }
  // Touching what a truncated file or a lost disk no longer has ends the process: that is how
  // mapped memory fails.
  ByteSpan bytes() const { return {data_, size_}; }
  // A copy of the bytes from offset on, by system call: where they cannot be had any more, it is
  // DataLoss. The range must lie within size().
  absl::Status Read(uint64_t offset, std::span<uint8_t> out) const;

 private:
  MappedFile(std::string path, int fd, const uint8_t* data, size_t size)
      : path_(std::move(path)), fd_(fd), data_(data), size_(size) {}

  const std::string path_;
  const int fd_;
  const uint8_t* const data_;
  const size_t size_;
};

}  // namespace gonka::model
