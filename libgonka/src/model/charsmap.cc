#include "charsmap.h"

#include "fmt/format.h"
#include "utf8.h"

namespace gonka::model {
namespace {

constexpr size_t kUnitBytes = 4;

uint32_t ReadU32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (size_t i = 0; i < kUnitBytes; ++i) {
    value |= uint32_t{static_cast<uint8_t>(bytes[at + i])} << (8 * i);
  }
  return value;
}

// The units of a double array as darts-clone writes them.
bool HasLeaf(uint32_t unit) {
  return (unit >> 8 & 1) != 0;
}
uint32_t ValueOf(uint32_t unit) {
  return unit & 0x7FFFFFFF;
}
uint32_t LabelOf(uint32_t unit) {
  return unit & (0x80000000 | 0xFF);
}
uint32_t OffsetOf(uint32_t unit) {
  return unit >> 10 << ((unit & 0x200) >> 6);
}

absl::Status Bad(const std::string& message) {
  return absl::InvalidArgumentError("precompiled_charsmap: " + message);
}

}  // namespace

absl::StatusOr<Charsmap> Charsmap::Parse(std::string_view blob) {
  if (blob.size() < kUnitBytes) return Bad(fmt::format("{} bytes are too few", blob.size()));
  const size_t size = ReadU32(blob, 0);
  blob.remove_prefix(kUnitBytes);
  if (size == 0 || size % kUnitBytes != 0 || size > blob.size()) {
    return Bad(fmt::format("an array of {} bytes in {}", size, blob.size()));
  }
  Charsmap map;
  for (size_t at = 0; at < size; at += kUnitBytes) map.units_.push_back(ReadU32(blob, at));
  map.replacements_ = blob.substr(size);
  if (map.replacements_.empty() || map.replacements_.back() != '\0') {
    return Bad("the last replacement has no end");
  }
  if (FindInvalidUtf8(map.replacements_)) return Bad("a replacement is not UTF-8");
  return map;
}

std::optional<Charsmap::Match> Charsmap::MatchAt(std::string_view text) const {
  std::optional<Match> longest;
  size_t node = OffsetOf(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    node ^= byte;
    if (node >= units_.size() || LabelOf(units_[node]) != byte) break;
    const uint32_t unit = units_[node];
    node ^= OffsetOf(unit);
    if (!HasLeaf(unit)) continue;
    if (node >= units_.size()) break;
    const size_t at = ValueOf(units_[node]);
    // A replacement that starts within a character is none.
    if (at >= replacements_.size() || (static_cast<uint8_t>(replacements_[at]) & 0xC0) == 0x80) {
      continue;
    }
    longest = Match{i + 1, std::string_view(replacements_.data() + at)};
  }
  return longest;
}

}  // namespace gonka::model
