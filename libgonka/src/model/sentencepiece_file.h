#pragma once

// SentencePiece's tokenizer.model, BPE or unigram, with what its neighbours say about special
// tokens.

#include "token_table.h"

namespace gonka::model {

// Refuses by name and value what would have to be ignored: models of words and of characters,
// spaces at the ends of words, unused pieces, and texts that are replaced when ids become text.
absl::StatusOr<TokenizerSpec> TokenizerSpecFromSentencePiece(const TokenizerFiles& files);

}  // namespace gonka::model
