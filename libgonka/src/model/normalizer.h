#pragma once

// What happens to text before it is cut: characters are composed, or (SentencePiece) replaced, and
// spaces become "\u2581". What is trusted stays so, but never together with what is not.

#include <memory>
#include <optional>

#include "charsmap.h"
#include "gonka/model/marked_text.h"
#include "gonka/model/tokenizer.h"
#include "token_trie.h"

namespace gonka::model {

inline constexpr std::string_view kSpaceMark = "\u2581";

class Normalizer {
 public:
  static absl::StatusOr<std::unique_ptr<const Normalizer>> Create(const TokenizerSpec& spec);

  bool ChangesNothing() const { return !is_nfc_ && !has_pieces_; }
  // Of a piece of text between two tokens, or between one and an end. at_start: nothing is before
  // it. Trusted texts in keep stay as they are.
  MarkedText Apply(const MarkedText& text, bool at_start, const TokenTrie& keep) const;

 private:
  MarkedText Compose(const MarkedText& text) const;
  MarkedText MarkSpaces(const MarkedText& text, bool at_start, const TokenTrie& keep) const;

  bool is_nfc_ = false;
  bool has_pieces_ = false;
  PieceRules rules_;
  std::optional<Charsmap> charsmap_;
};

}  // namespace gonka::model
