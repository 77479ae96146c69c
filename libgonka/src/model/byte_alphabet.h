#pragma once

// GPT-2's alphabet: every byte as one printable character, so that vocabularies are plain text.
// Bytes that are printable in Latin-1 stand for themselves, the other 68 are U+0100 and up in
// order.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gonka::model {

char32_t CharOfByte(uint8_t byte);
// The bytes that a text in the alphabet stands for; nothing if it contains another character.
std::optional<std::string> BytesOfAlphabet(std::string_view text);

}  // namespace gonka::model
