#pragma once

// The subcommands of `gonka model`.

#include <memory>
#include <string>

#include "gonka/commands.h"
#include "gonka/engine/local.h"
#include "gonka/model/checkpoint.h"

namespace gonka::cli {

// Flags of the commands that run the model, on the kernels that ML nodes use by default.
struct RunFlags {
  std::string path;
  uint32_t threads = 1;
  std::string precision = "file";
  uint32_t context_max = 0;
};
void AddRunFlags(CLI::App& command, RunFlags& flags);

absl::StatusOr<std::unique_ptr<engine::Engine>> LoadEngine(
    const RunFlags& flags, std::shared_ptr<const model::Checkpoint> checkpoint);

// Runs one request to its end; on_token is called from the engine's thread.
absl::StatusOr<engine::FinishReason> Run(engine::Engine& engine, engine::GenerateRequest request,
                                         std::function<void(const engine::TokenFacts&)> on_token);

// Draws a bar on standard error; nothing where that is no terminal.
std::function<void(uint64_t done, uint64_t total)> BarOnTerminal();

void AddModelConvert(CLI::App& model, Context& context);
void AddModelChat(CLI::App& model, Context& context);
void AddModelBench(CLI::App& model, Context& context);

}  // namespace gonka::cli
