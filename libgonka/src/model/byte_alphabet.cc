#include "byte_alphabet.h"

#include <array>

#include "utf8.h"

namespace gonka::model {
namespace {

constexpr char32_t kCharEnd = 0x100 + 68;

constexpr bool StandsForItself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

constexpr std::array<char32_t, 256> CharTable() {
  std::array<char32_t, 256> chars{};
  char32_t next = 0x100;
  for (unsigned byte = 0; byte < 256; ++byte) chars[byte] = StandsForItself(byte) ? byte : next++;
  return chars;
}

constexpr std::array<char32_t, 256> kChars = CharTable();

constexpr std::array<int16_t, kCharEnd> ByteTable() {
  std::array<int16_t, kCharEnd> bytes{};
  for (int16_t& byte : bytes) byte = -1;
  for (int16_t byte = 0; byte < 256; ++byte) bytes[kChars[static_cast<size_t>(byte)]] = byte;
  return bytes;
}

constexpr std::array<int16_t, kCharEnd> kBytes = ByteTable();

}  // namespace

char32_t CharOfByte(uint8_t byte) {
  return kChars[byte];
}

std::optional<std::string> BytesOfAlphabet(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    const Utf8Char next = ReadUtf8(text);
    if (next.kind != Utf8Char::Kind::kValid || next.code >= kCharEnd) return std::nullopt;
    if (kBytes[next.code] < 0) return std::nullopt;
    bytes += static_cast<char>(kBytes[next.code]);
    text.remove_prefix(next.length);
  }
  return bytes;
}

}  // namespace gonka::model
