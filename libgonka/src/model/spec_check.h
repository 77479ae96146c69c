#pragma once

// What holds of every sound TokenizerSpec, whatever its model.

#include <string>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "gonka/base/status.h"
#include "gonka/model/tokenizer.h"

namespace gonka::model {

// Keys lie in the spec.
using IdByText = absl::flat_hash_map<std::string_view, uint32_t, std::hash<std::string_view>,
                                     std::equal_to<std::string_view>>;

absl::Status BadTokenizer(const std::string& message);
absl::Status CheckSpec(const TokenizerSpec& spec);
// Refuses texts with two ids.
absl::StatusOr<IdByText> IndexTokens(const TokenizerSpec& spec);

// Tokens that text must never spell.
inline bool IsSteering(TokenKind kind) {
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

}  // namespace gonka::model
