#pragma once

// SentencePiece's unigram model: of all ways to cut a text into tokens, the one whose scores sum to
// the most: summed from the left in floats, the first among equals, so that its ties are ours.

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "gonka/model/tokenizer.h"
#include "token_trie.h"

namespace gonka::model {

class Unigram {
 public:
  Unigram() = default;
  explicit Unigram(const TokenizerSpec& spec);

  // on_token gets the tokens in order; without an id a character that no token has.
  void Cut(
      std::string_view text,
      const std::function<void(std::optional<uint32_t> id, std::string_view text)>& on_token) const;

 private:
  TokenTrie trie_;
  std::vector<float> scores_;
  float unknown_score_ = 0;
};

}  // namespace gonka::model
