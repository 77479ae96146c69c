#pragma once

// Raw bytes, fixed-size byte arrays and hex.

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gonka {

using Bytes = std::vector<uint8_t>;
using ByteSpan = std::span<const uint8_t>;

// N bytes with value semantics: hashes, keys, signatures. Ordered like memcmp.
template <size_t N>
struct FixedBytes {
  std::array<uint8_t, N> bytes{};

  static constexpr size_t kSize = N;
  constexpr auto operator<=>(const FixedBytes&) const = default;
  ByteSpan span() const { return bytes; }
  bool IsZero() const { return *this == FixedBytes{}; }
};

using Hash = FixedBytes<32>;

// A value that must not be swapped with another of the same representation.
//   using EpochNumber = Strong<struct EpochTag, uint64_t>;
template <class Tag, class T>
struct Strong {
  T value{};

  constexpr auto operator<=>(const Strong&) const = default;
};

std::string Hex(ByteSpan bytes);
template <size_t N>
std::string Hex(const FixedBytes<N>& value) {
  return Hex(value.span());
}
template <class Tag, size_t N>
std::string Hex(const Strong<Tag, FixedBytes<N>>& id) {
  return Hex(id.value);
}
// The first eight hex digits: for people, never for comparing.
template <class T>
std::string ShortHex(const T& value) {
  return Hex(value).substr(0, 8);
}

// Lower-case hex of even length only; nothing else is accepted.
std::optional<Bytes> FromHex(std::string_view text);
template <size_t N>
std::optional<FixedBytes<N>> FixedFromHex(std::string_view text) {
  const std::optional<Bytes> bytes = FromHex(text);
  if (!bytes || bytes->size() != N) return std::nullopt;
  FixedBytes<N> value;
  std::copy(bytes->begin(), bytes->end(), value.bytes.begin());
  return value;
}

inline ByteSpan AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}
inline std::string_view AsText(ByteSpan bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes ToBytes(ByteSpan bytes) {
  return {bytes.begin(), bytes.end()};
}

}  // namespace gonka

template <size_t N>
struct std::hash<gonka::FixedBytes<N>> {
  // The values are hashes or keys, so their own bits are spread well enough.
  size_t operator()(const gonka::FixedBytes<N>& value) const noexcept {
    size_t word = 0;
    for (size_t i = 0; i < sizeof(word) && i < N; ++i) word = word << 8 | value.bytes[i];
    return word;
  }
};
template <class Tag, class T>
struct std::hash<gonka::Strong<Tag, T>> {
  size_t operator()(const gonka::Strong<Tag, T>& id) const noexcept {
    return std::hash<T>{}(id.value);
  }
};
