#pragma once

// SentencePiece's ways from normalised text to tokens: characters merged in pairs, or the likeliest
// cutting. What has no token becomes its bytes, or "unknown".

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpe.h"
#include "gonka/model/tokenizer.h"
#include "token_trie.h"
#include "unigram.h"

namespace gonka::model {

class PieceModel {
 public:
  static constexpr size_t kTokenBytesMax = 256;

  // spec is not kept.
  static absl::StatusOr<std::unique_ptr<const PieceModel>> Create(const TokenizerSpec& spec);
  // text is as the normaliser leaves it.
  void Encode(std::string_view text, BytePairs::Scratch& scratch, std::vector<uint32_t>& out) const;
  const std::vector<std::string>& bytes() const { return token_bytes_; }  // By id.

 private:
  explicit PieceModel(const TokenizerSpec& spec);
  absl::Status AddTokens(const TokenizerSpec& spec);
  absl::Status AddMerges(const TokenizerSpec& spec);
  void AddScoredPairs(const TokenizerSpec& spec);
  std::optional<uint32_t> FindSymbol(std::string_view text) const;
  void EncodePiece(std::string_view piece, BytePairs::Scratch& scratch,
                   std::vector<uint32_t>& out) const;
  void EncodePairs(std::string_view piece, BytePairs::Scratch& scratch,
                   std::vector<uint32_t>& out) const;
  void EmitUnknown(std::string_view character, bool& after_unknown,
                   std::vector<uint32_t>& out) const;

  const TokenizerModel model_;
  const bool cuts_words_;  // Before each space mark.
  const PieceRules rules_;
  const uint32_t tokens_;
  TokenTrie normal_;
  // Characters that stand in tokens and are none: the symbols from tokens_ on.
  TokenTrie strange_;
  std::vector<std::string> strange_texts_;
  std::vector<std::string> token_bytes_;
  std::array<std::optional<uint32_t>, 256> bytes_;  // Tokens of one byte.
  BytePairs pairs_;
  Unigram unigram_;
};

}  // namespace gonka::model
