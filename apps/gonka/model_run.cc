#include <fmt/format.h>

#include <algorithm>
#include <future>
#include <thread>

#include "common/precision.h"
#include "gonka/engine/exact.h"
#include "gonka/model/size.h"
#include "gonka/model_commands.h"

namespace gonka::cli {
namespace {

constexpr uint64_t kKvSlackBytes = 64 << 20;  // Caches are given out in pages.

}  // namespace

void AddRunFlags(CLI::App& command, RunFlags& flags) {
  flags.threads = std::max(1u, std::thread::hardware_concurrency());
  command.add_option("MODEL", flags.path, "a .gguf file or a folder")->required();
  command.add_option("--threads", flags.threads)->capture_default_str()->check(CLI::Range(1, 256));
  command
      .add_option("--precision", flags.precision,
                  "of the weights: file (as stored), fp32, bf16 or int8")
      ->capture_default_str();
  command.add_option("--context", flags.context_max, "tokens; 0 is the model's own")
      ->capture_default_str();
}

absl::StatusOr<std::unique_ptr<engine::Engine>> LoadEngine(
    const RunFlags& flags, std::shared_ptr<const model::Checkpoint> checkpoint) {
  engine::LocalOptions local{.threads = flags.threads, .context_max = flags.context_max};
  GONKA_ASSIGN_OR_RETURN(local.precision, apps::ParsePrecision(flags.precision));
  const model::ModelSize size = model::SizeOf(*checkpoint);
  const uint32_t context = checkpoint->config().context;
  // One conversation at a time: room for the longest, and no more.
  local.kv_bytes_max =
      size.kv_bytes_per_token *
          (flags.context_max == 0 ? context : std::min(context, flags.context_max)) +
      kKvSlackBytes;
  return engine::MakeExactEngine(std::move(checkpoint), local);
}

absl::StatusOr<engine::FinishReason> Run(engine::Engine& engine, engine::GenerateRequest request,
                                         std::function<void(const engine::TokenFacts&)> on_token) {
  std::promise<absl::StatusOr<engine::FinishReason>> done;
  engine.Generate(std::move(request), {.on_token = std::move(on_token),
                                       .on_done = [&](absl::StatusOr<engine::FinishReason> reason) {
                                         done.set_value(std::move(reason));
                                       }});
  return done.get_future().get();
}

}  // namespace gonka::cli
