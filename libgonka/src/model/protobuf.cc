#include "protobuf.h"

#include "fmt/format.h"

namespace gonka::model {

std::optional<uint64_t> ProtobufReader::ReadVarint() {
  uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

std::optional<uint64_t> ProtobufReader::ReadFixed(size_t bytes) {
  if (rest_.size() < bytes) return std::nullopt;
  uint64_t value = 0;
  for (size_t i = 0; i < bytes; ++i) {
    value |= uint64_t{static_cast<uint8_t>(rest_[i])} << (8 * i);
  }
  rest_.remove_prefix(bytes);
  return value;
}

absl::StatusOr<ProtobufReader::Field> ProtobufReader::Next() {
  const auto bad = [&](std::string_view what) {
    return absl::InvalidArgumentError(
        fmt::format("{}, {} bytes before the end of the message", what, rest_.size()));
  };
  const std::optional<uint64_t> key = ReadVarint();
  if (!key || *key >> 3 == 0 || *key >> 3 > 0x1FFFFFFF) return bad("a field has no number");
  Field field{.number = static_cast<uint32_t>(*key >> 3),
              .wire = static_cast<Wire>(*key & 7),
              .value = 0,
              .bytes = {}};
  std::optional<uint64_t> value;
  switch (field.wire) {
    case Wire::kVarint:
    case Wire::kBytes:
      value = ReadVarint();
      break;
    case Wire::kFixed32:
      value = ReadFixed(4);
      break;
    case Wire::kFixed64:
      value = ReadFixed(8);
      break;
    default:
      return bad(fmt::format("field {} has the unknown type {}", field.number, *key & 7));
  }
  if (!value) return bad(fmt::format("field {} is cut short", field.number));
  field.value = *value;
  if (field.wire == Wire::kBytes) {
    if (*value > rest_.size()) {
      return bad(fmt::format("field {} of {} bytes is cut short", field.number, *value));
    }
    field.bytes = rest_.substr(0, *value);
    rest_.remove_prefix(*value);
  }
  return field;
}

}  // namespace gonka::model
