#pragma once

// From the tokens of an answer to the text that a client is shown: never half a character, never
// anything of a stop string or of what follows it. Text that may turn out to be the beginning of a
// stop string is held back until the next tokens decide.
//
// For one thread. The result does not depend on how the tokens were cut into pieces.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gonka/model/tokenizer.h"
#include "gonka/node/messages.h"

namespace gonka::net {

struct ShownToken {
  node::ProducedToken token;
  uint64_t text_offset = 0;  // Characters (code points) of the answer before it.
};

// What may be shown now.
struct TextPiece {
  std::string text;
  std::vector<ShownToken> tokens;  // Those whose text has begun to be shown; for log-probabilities.
};

class AnswerText {
 public:
  // keep_tokens: whether Take gives tokens too.
  AnswerText(std::shared_ptr<const model::Tokenizer> tokenizer, std::span<const std::string> stop,
             bool keep_tokens);

  // InvalidArgument for an id beyond the vocabulary.
  absl::Status Push(const node::ProducedToken& token);
  // What became certain since the last call. Tokens come only along with text.
  TextPiece Take();
  // The rest, once no more tokens come. stopped_by_token: the last token ended the answer, and is
  // not shown unless the answer was cut before it anyway.
  TextPiece Finish(bool stopped_by_token);

  // A stop string was found: nothing more will be shown.
  bool stopped() const { return stopped_; }
  // The last token is one with which this model ends its answers.
  bool ends_with_stop_token() const;

 private:
  struct Waiting {
    ShownToken token;
    size_t begin = 0;  // In the decoded text, bytes.
  };

  void Append(const std::string& text);
  size_t HeldBack() const;
  TextPiece Release(size_t bytes, bool last);

  const std::shared_ptr<const model::Tokenizer> tokenizer_;
  model::StreamDecoder decoder_;
  const std::vector<std::string> stop_;
  const bool keep_tokens_;
  std::string pending_;      // Decoded, not shown.
  size_t shown_bytes_ = 0;   // Decoded and shown.
  uint64_t characters_ = 0;  // Of all decoded text.
  bool stopped_ = false;
  std::optional<uint32_t> last_id_;
  std::vector<Waiting> waiting_;
};

// The code points of UTF-8 text.
uint64_t CountCharacters(std::string_view text);

}  // namespace gonka::net
