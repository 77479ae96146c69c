#pragma once

// A whole file as read-only memory, for as long as the object lives.

#include <memory>
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

  ByteSpan bytes() const { return {data_, size_}; }

 private:
  MappedFile(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  const uint8_t* data_;
  size_t size_;
};

}  // namespace gonka::model
