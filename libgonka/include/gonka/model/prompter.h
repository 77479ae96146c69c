#pragma once

// From chat messages to the token ids that a model is asked to continue: renders the checkpoint's
// template and tokenises the result. Special tokens come from the template's own text alone;
// whatever roles, contents or tools say is ordinary text.
//
// Immutable: any number of threads may use one.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/model/chat_template.h"
#include "gonka/model/checkpoint.h"
#include "gonka/model/tokenizer.h"

namespace gonka::model {

struct ChatMessage {
  std::string role;
  std::string content;
};

struct ChatOptions {
  bool add_generation_prompt = true;
  std::string tools_json = {};               // A JSON array, or empty for none.
  std::string template_variables_json = {};  // A JSON object (chat_template_kwargs), or empty.
  std::optional<int64_t> render_time_unix_s = {};  // See ChatContext.
};

class Prompter {
 public:
  // chat_template may be empty: then only Text works, and Chat is FailedPrecondition.
  static absl::StatusOr<std::shared_ptr<const Prompter>> Create(
      std::shared_ptr<const Tokenizer> tokenizer, std::string_view chat_template);
  static absl::StatusOr<std::shared_ptr<const Prompter>> FromCheckpoint(
      const Checkpoint& checkpoint);

  // InvalidArgument where the template refuses the messages or a text is not UTF-8.
  absl::StatusOr<std::vector<uint32_t>> Chat(std::span<const ChatMessage> messages,
                                             const ChatOptions& options = {}) const;
  // messages_json is the array as the client sent it (tool_calls, names and so on included).
  absl::StatusOr<std::vector<uint32_t>> ChatJson(std::string_view messages_json,
                                                 const ChatOptions& options = {}) const;
  // A plain prompt, with bos in front where the checkpoint asks for it. Special tokens in it are
  // recognised only if allowed: for prompts that one party wrote as a whole.
  absl::StatusOr<std::vector<uint32_t>> Text(std::string_view prompt,
                                             bool allow_special = false) const;

  // What Chat tokenises, for people and for tests.
  absl::StatusOr<MarkedText> Render(std::string_view messages_json,
                                    const ChatOptions& options = {}) const;

  bool has_chat_template() const { return chat_template_.has_value(); }
  const std::shared_ptr<const Tokenizer>& tokenizer() const { return tokenizer_; }

 private:
  Prompter() = default;

  std::shared_ptr<const Tokenizer> tokenizer_;
  std::optional<ChatTemplate> chat_template_;
};

}  // namespace gonka::model
