#pragma once

// Reads Protocol Buffers' wire format, field by field: bounded by the bytes that it is given.

#include <cstdint>
#include <optional>
#include <string_view>

#include "gonka/base/status.h"

namespace gonka::model {

class ProtobufReader {
 public:
  enum class Wire : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };
  struct Field {
    uint32_t number = 0;
    Wire wire = Wire::kVarint;
    uint64_t value = 0;      // Varint, or the bits of a fixed number.
    std::string_view bytes;  // Of strings and messages.
  };

  explicit ProtobufReader(std::string_view message) : rest_(message) {}

  bool AtEnd() const { return rest_.empty(); }
  // InvalidArgument where the bytes are no field; groups, which nobody writes any more, included.
  absl::StatusOr<Field> Next();

 private:
  std::optional<uint64_t> ReadVarint();
  std::optional<uint64_t> ReadFixed(size_t bytes);

  std::string_view rest_;
};

}  // namespace gonka::model
