#pragma once

// Cuts a template into text and the tokens of its tags. Whitespace is handled here, as Jinja does
// with trim_blocks and lstrip_blocks: the newline after a block tag goes, and so do the spaces
// before one that stands first on its line; "-" strips everything, "+" keeps everything.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/status.h"

namespace gonka::model::jinja {

enum class TokenType : uint8_t {
  kText,       // Between tags.
  kExprBegin,  // {{
  kExprEnd,    // }}
  kStmtBegin,  // {%
  kStmtEnd,    // %}
  kName,
  kString,  // text is the value, escapes resolved.
  kInt,
  kFloat,
  kOperator,
  kEnd,
};

struct Token {
  TokenType type = TokenType::kEnd;
  std::string text;
  int line = 1;
};

// The last token is kEnd.
absl::StatusOr<std::vector<Token>> Lex(std::string_view source);

// "chat template line 3: message".
absl::Status ErrorAt(int line, const std::string& message);

}  // namespace gonka::model::jinja
