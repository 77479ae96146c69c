#pragma once

// tokenizer.json of a Hugging Face folder, with what its neighbours say about special tokens.

#include <string>
#include <string_view>

#include "gonka/base/status.h"
#include "gonka/model/tokenizer.h"
#include "json_file.h"

namespace gonka::model {

struct TokenizerFiles {
  std::string path;  // Of tokenizer.json, for messages.
  std::string_view json;
  // Rows of the embedding. Ids beyond the tokenizer's own are unused tokens "[PAD123]".
  uint32_t vocab = 0;
  const Json* tokenizer_config = nullptr;   // Objects, perhaps empty.
  const Json* generation_config = nullptr;  // Ends of an answer, before config.
  const Json* config = nullptr;
};

// Understands byte-level BPE as the families of config.h have it; the rest is refused by name and
// value: other models, normalisers, ways to cut text, and tokens that swallow spaces around them.
absl::StatusOr<TokenizerSpec> TokenizerSpecFromJson(const TokenizerFiles& files);

}  // namespace gonka::model
