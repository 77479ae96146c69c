#pragma once

// The tokens of a Hugging Face folder as they are collected, with what its files say about special
// ones.

#include <map>
#include <string>
#include <string_view>

#include "gonka/base/status.h"
#include "gonka/model/tokenizer.h"
#include "json_file.h"

namespace gonka::model {

struct TokenizerFiles {
  std::string path;  // Of tokenizer.json or tokenizer.model, for messages.
  std::string_view content;
  // Rows of the embedding. Ids beyond the tokenizer's own are unused tokens "[PAD123]".
  uint32_t vocab = 0;
  const Json* tokenizer_config = nullptr;   // Objects, perhaps empty.
  const Json* generation_config = nullptr;  // Ends of an answer, before config.
  const Json* config = nullptr;
};

// The field of an object; null where there is none.
const Json& FieldOf(const Json& object, const char* field);

class TokenTable {
 public:
  explicit TokenTable(const TokenizerFiles& files) : files_(files) {}

  absl::Status Bad(const std::string& message) const;
  absl::Status Refuse(std::string_view field, const Json& value, std::string_view supported) const;

  // An id must be within the embedding, or the model could be asked for what it does not have.
  absl::Status Place(const std::string& token, const Json& id, TokenKind kind);
  // One of the tokens that stand in text as they are. normalizes: text is, before it is searched.
  absl::Status PlaceAdded(const Json& token, const Json& id, bool normalizes);
  absl::Status FillUnused();
  std::optional<uint32_t> Find(const std::string& text) const;
  // Of tokenizer_config.json.
  absl::Status ReadBosAndEos();
  // Of generation_config.json, else of config.json; and the tokenizer's own.
  absl::Status ReadEnds();

  TokenizerSpec& spec() { return spec_; }
  TokenizerSpec Take();

 private:
  absl::Status ReadNamed(const char* field, std::optional<uint32_t>& id) const;

  const TokenizerFiles& files_;
  std::map<uint32_t, std::string> placed_;
  std::map<uint32_t, AddedFlags> flags_;
  TokenizerSpec spec_;
};

}  // namespace gonka::model
