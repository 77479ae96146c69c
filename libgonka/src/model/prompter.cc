#include "gonka/model/prompter.h"

#include "fmt/format.h"
#include "gonka/base/json.h"
#include "utf8.h"

namespace gonka::model {
namespace {

absl::StatusOr<std::string> MessagesJson(std::span<const ChatMessage> messages) {
  std::string json = "[";
  for (size_t i = 0; i < messages.size(); ++i) {
    for (const std::string* text : {&messages[i].role, &messages[i].content}) {
      if (const auto invalid = FindInvalidUtf8(*text)) {
        return absl::InvalidArgumentError(
            fmt::format("message {} is not UTF-8 at byte {} of its {}", i, *invalid,
                        text == &messages[i].role ? "role" : "content"));
      }
    }
    json += fmt::format("{}{{\"role\":{},\"content\":{}}}", i > 0 ? "," : "",
                        JsonQuote(messages[i].role), JsonQuote(messages[i].content));
  }
  return json + "]";
}

}  // namespace

absl::StatusOr<std::shared_ptr<const Prompter>> Prompter::Create(
    std::shared_ptr<const Tokenizer> tokenizer, std::string_view chat_template) {
  std::shared_ptr<Prompter> prompter(new Prompter);
  if (!chat_template.empty()) {
    GONKA_ASSIGN_OR_RETURN(prompter->chat_template_, ChatTemplate::Parse(chat_template));
  }
  prompter->tokenizer_ = std::move(tokenizer);
  return std::shared_ptr<const Prompter>(std::move(prompter));
}

absl::StatusOr<std::shared_ptr<const Prompter>> Prompter::FromCheckpoint(
    const Checkpoint& checkpoint) {
  GONKA_ASSIGN_OR_RETURN(std::shared_ptr<const Tokenizer> tokenizer, checkpoint.LoadTokenizer());
  absl::StatusOr<std::shared_ptr<const Prompter>> prompter =
      Create(std::move(tokenizer), checkpoint.chat_template());
  if (!prompter.ok()) return Annotate(prompter.status(), checkpoint.path());
  return prompter;
}

absl::StatusOr<MarkedText> Prompter::Render(std::string_view messages_json,
                                            const ChatOptions& options) const {
  if (!chat_template_) {
    return absl::FailedPreconditionError("this checkpoint has no chat template");
  }
  ChatContext context{.messages_json = std::string(messages_json),
                      .tools_json = options.tools_json,
                      .extra_json = options.template_variables_json,
                      .add_generation_prompt = options.add_generation_prompt,
                      .render_time_unix_s = options.render_time_unix_s};
  const auto add = [&](const char* name, std::optional<uint32_t> id) {
    if (id) context.special_tokens.emplace_back(name, tokenizer_->TokenBytes(*id).value());
  };
  add("bos_token", tokenizer_->bos());
  add("eos_token", tokenizer_->eos());
  return chat_template_->Render(context);
}

absl::StatusOr<std::vector<uint32_t>> Prompter::ChatJson(std::string_view messages_json,
                                                         const ChatOptions& options) const {
  GONKA_ASSIGN_OR_RETURN(const MarkedText rendered, Render(messages_json, options));
  return tokenizer_->Encode(rendered);
}

absl::StatusOr<std::vector<uint32_t>> Prompter::Chat(std::span<const ChatMessage> messages,
                                                     const ChatOptions& options) const {
  GONKA_ASSIGN_OR_RETURN(const std::string json, MessagesJson(messages));
  return ChatJson(json, options);
}

absl::StatusOr<std::vector<uint32_t>> Prompter::Text(std::string_view prompt,
                                                     bool allow_special) const {
  GONKA_ASSIGN_OR_RETURN(std::vector<uint32_t> ids, tokenizer_->Encode(prompt, allow_special));
  if (tokenizer_->add_bos()) ids.insert(ids.begin(), *tokenizer_->bos());
  return ids;
}

}  // namespace gonka::model
