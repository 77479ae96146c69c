#pragma once

// The text side of a model, from its checkpoint: how canonical requests become prompts, and how
// stop strings end answers. Shared by everything that serves or checks the model.

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gonka/model/prompter.h"
#include "gonka/node/environment.h"

namespace gonka::net {

class CheckpointText final : public node::TextModel {
 public:
  static absl::StatusOr<std::shared_ptr<const CheckpointText>> Create(
      const model::Checkpoint& checkpoint);

  absl::StatusOr<std::vector<uint32_t>> PromptTokens(
      const CanonicalRequest& request) const override;
  std::vector<uint32_t> StopIds() const override;
  std::unique_ptr<StopWatch> WatchStops(std::span<const std::string> stop) const override;

  const std::shared_ptr<const model::Tokenizer>& tokenizer() const {
    return prompter_->tokenizer();
  }

 private:
  explicit CheckpointText(std::shared_ptr<const model::Prompter> prompter)
      : prompter_(std::move(prompter)) {}

  std::shared_ptr<const model::Prompter> prompter_;
};

// The text sides of these checkpoints, by model. Each must be known to the ledger:
// FailedPrecondition names the checkpoint and its manifest. Manifest hashes are cached in the
// directory.
absl::StatusOr<std::map<ModelId, std::shared_ptr<const CheckpointText>>> OpenTexts(
    const std::vector<std::string>& paths, const ledger::View& view,
    const std::string& cache_directory);

}  // namespace gonka::net
