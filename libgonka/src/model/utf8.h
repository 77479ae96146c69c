#pragma once

// UTF-8, strictly: no overlong forms, no surrogates, nothing beyond U+10FFFF.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gonka::model {

struct Utf8Char {
  enum class Kind : uint8_t { kValid, kInvalid, kIncomplete };
  Kind kind = Kind::kInvalid;
  // Bytes of the character; of the longest start of one where it is not valid. At least 1.
  size_t length = 1;
  char32_t code = 0;
};

// The character at the start of text, which is not empty. kIncomplete: more bytes could make it
// one.
Utf8Char ReadUtf8(std::string_view text);
void AppendUtf8(std::string& out, char32_t code);
// White_Space of Unicode.
bool IsSpace(char32_t code);
// Where text stops being UTF-8, or nothing.
std::optional<size_t> FindInvalidUtf8(std::string_view text);

// Moves all complete characters from the front of held to the end of out, U+FFFD for what is none.
// What may still become a character (at most three bytes) stays in held.
void MoveCompleteUtf8(std::string& held, std::string& out);

}  // namespace gonka::model
