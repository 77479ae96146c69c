#pragma once

// tokenizer.json of a Hugging Face folder, with what its neighbours say about special tokens.

#include "gonka/base/status.h"
#include "gonka/model/tokenizer.h"
#include "token_table.h"

namespace gonka::model {

// Understands byte-level BPE as the families of config.h have it, and SentencePiece's BPE as Llama
// 2 and Mistral have it; the rest is refused by name and value: other models, normalisers and ways
// to cut text.
absl::StatusOr<TokenizerSpec> TokenizerSpecFromJson(const TokenizerFiles& files);

}  // namespace gonka::model
