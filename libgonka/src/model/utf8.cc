#include "utf8.h"

namespace gonka::model {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Lead {
  size_t length;  // 0 where no character starts so.
  uint8_t second_min;
  uint8_t second_max;
};

Lead LeadOf(uint8_t byte) {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte < 0xF0) {
    // E0 would be overlong below A0, ED a surrogate from A0 on.
    return {3, static_cast<uint8_t>(byte == 0xE0 ? 0xA0 : 0x80),
            static_cast<uint8_t>(byte == 0xED ? 0x9F : 0xBF)};
  }
  if (byte < 0xF5) {
    return {4, static_cast<uint8_t>(byte == 0xF0 ? 0x90 : 0x80),
            static_cast<uint8_t>(byte == 0xF4 ? 0x8F : 0xBF)};
  }
  return {0, 0, 0};
}

}  // namespace

Utf8Char ReadUtf8(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const Lead lead = LeadOf(at(0));
  if (lead.length == 0) return {Utf8Char::Kind::kInvalid, 1, 0};
  if (lead.length == 1) return {Utf8Char::Kind::kValid, 1, at(0)};
  char32_t code = at(0) & (0x7Fu >> lead.length);
  for (size_t i = 1; i < lead.length; ++i) {
    if (i == text.size()) return {Utf8Char::Kind::kIncomplete, i, 0};
    const uint8_t min = i == 1 ? lead.second_min : 0x80;
    const uint8_t max = i == 1 ? lead.second_max : 0xBF;
    if (at(i) < min || at(i) > max) return {Utf8Char::Kind::kInvalid, i, 0};
    code = code << 6 | (at(i) & 0x3F);
  }
  return {Utf8Char::Kind::kValid, lead.length, code};
}

void AppendUtf8(std::string& out, char32_t code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | code >> 18);
    out += static_cast<char>(0x80 | (code >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

bool IsSpace(char32_t code) {
  return (code >= 0x9 && code <= 0xD) || code == 0x20 || code == 0x85 || code == 0xA0 ||
         code == 0x1680 || (code >= 0x2000 && code <= 0x200A) || code == 0x2028 || code == 0x2029 ||
         code == 0x202F || code == 0x205F || code == 0x3000;
}

std::optional<size_t> FindInvalidUtf8(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Char next = ReadUtf8(text.substr(at));
    if (next.kind != Utf8Char::Kind::kValid) return at;
    at += next.length;
  }
  return std::nullopt;
}

void MoveCompleteUtf8(std::string& held, std::string& out) {
  size_t at = 0;
  while (at < held.size()) {
    const Utf8Char next = ReadUtf8(std::string_view(held).substr(at));
    if (next.kind == Utf8Char::Kind::kIncomplete) break;
    if (next.kind == Utf8Char::Kind::kValid) {
      out.append(held, at, next.length);
    } else {
      out += kReplacement;
    }
    at += next.length;
  }
  held.erase(0, at);
}

}  // namespace gonka::model
