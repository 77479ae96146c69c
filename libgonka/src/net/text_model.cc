#include "gonka/net/text_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/model/checkpoint.h"
#include "gonka/model/manifest.h"

namespace gonka::net {
namespace {

// Keeps as much of the text's end as a stop string could still begin in.
class TextStopWatch final : public node::TextModel::StopWatch {
 public:
  TextStopWatch(std::shared_ptr<const model::Tokenizer> tokenizer,
                std::span<const std::string> stop)
      : decoder_(std::move(tokenizer)), stop_(stop.begin(), stop.end()) {
    for (const std::string& text : stop_) longest_ = std::max(longest_, text.size());
  }

  bool OnToken(uint32_t id) override {
    if (stop_.empty()) return false;
    const auto text = decoder_.Push(id);
    if (!text.ok()) return false;  // An id beyond the vocabulary is refused elsewhere.
    tail_ += *text;
    const bool found = std::any_of(stop_.begin(), stop_.end(), [&](const std::string& stop) {
      return tail_.find(stop) != std::string::npos;
    });
    if (!found && tail_.size() >= longest_) tail_.erase(0, tail_.size() - longest_ + 1);
    return found;
  }

 private:
  model::StreamDecoder decoder_;
  const std::vector<std::string> stop_;
  size_t longest_ = 0;
  std::string tail_;
};

std::vector<model::ChatMessage> MessagesOf(const CanonicalRequest& request) {
  std::vector<model::ChatMessage> messages;
  for (const ChatMessage& message : request.messages) {
    messages.push_back({.role = message.role, .content = message.content});
  }
  return messages;
}

}  // namespace

absl::StatusOr<std::shared_ptr<const CheckpointText>> CheckpointText::Create(
    const model::Checkpoint& checkpoint) {
  GONKA_ASSIGN_OR_RETURN(auto prompter, model::Prompter::FromCheckpoint(checkpoint));
  return std::shared_ptr<const CheckpointText>(new CheckpointText(std::move(prompter)));
}

absl::StatusOr<std::vector<uint32_t>> CheckpointText::PromptTokens(
    const CanonicalRequest& request) const {
  if (request.kind == RequestKind::kChat) {
    const auto time = static_cast<int64_t>(std::min<uint64_t>(request.render_time, INT64_MAX));
    return prompter_->Chat(MessagesOf(request),
                           {.add_generation_prompt = true, .render_time_unix_s = time});
  }
  if (request.prompt_tokens.empty()) {
    GONKA_ASSIGN_OR_RETURN(std::vector<uint32_t> ids, prompter_->Text(request.prompt));
    if (ids.empty()) return absl::InvalidArgumentError("prompt must not be empty");
    return ids;
  }
  const uint32_t vocabulary = tokenizer()->vocab();
  for (const uint32_t id : request.prompt_tokens) {
    if (id < vocabulary) continue;
    return absl::InvalidArgumentError(
        fmt::format("prompt token {} is beyond the vocabulary of {}", id, vocabulary));
  }
  return static_cast<const std::vector<uint32_t>&>(request.prompt_tokens);
}

std::vector<uint32_t> CheckpointText::StopIds() const {
  return tokenizer()->end_ids();
}

std::unique_ptr<node::TextModel::StopWatch> CheckpointText::WatchStops(
    std::span<const std::string> stop) const {
  return std::make_unique<TextStopWatch>(tokenizer(), stop);
}

absl::StatusOr<std::map<ModelId, std::shared_ptr<const CheckpointText>>> OpenTexts(
    const std::vector<std::string>& paths, const ledger::View& view,
    const std::string& cache_directory) {
  std::map<ModelId, std::shared_ptr<const CheckpointText>> texts;
  for (const std::string& path : paths) {
    GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(path));
    GONKA_ASSIGN_OR_RETURN(const Hash manifest,
                           model::ManifestHash(*checkpoint, {.cache_directory = cache_directory}));
    if (!ledger::FindModel(view, ModelId{manifest})) {
      return absl::FailedPreconditionError(
          fmt::format("the checkpoint '{}' has manifest {}, which this network does not know", path,
                      Hex(manifest)));
    }
    GONKA_ASSIGN_OR_RETURN(texts[ModelId{manifest}], CheckpointText::Create(*checkpoint));
  }
  return texts;
}

}  // namespace gonka::net
