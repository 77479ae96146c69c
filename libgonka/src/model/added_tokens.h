#pragma once

// Tokens that stand in text as they are, such as "<|im_end|>", and the text between them.

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "absl/container/flat_hash_map.h"
#include "gonka/base/status.h"
#include "gonka/model/marked_text.h"
#include "gonka/model/tokenizer.h"
#include "token_trie.h"

namespace gonka::model {

class AddedTokens {
 public:
  void Add(std::string_view text, uint32_t id, bool strip_left, bool strip_right);

  // Finds tokens in the trusted ranges, the leftmost first and of these the longest. Spaces that a
  // token swallows are swallowed whoever wrote them. on_text gets what lies between, never empty.
  absl::Status Cut(std::string_view text, std::span<const ByteRange> trusted,
                   const std::function<absl::Status(ByteRange)>& on_text,
                   const std::function<void(uint32_t id)>& on_token) const;

 private:
  struct Strip {
    bool left = false;
    bool right = false;
  };
  TokenTrie trie_;
  absl::flat_hash_map<uint32_t, Strip> strips_;  // Of those tokens that swallow any.
};

}  // namespace gonka::model
