#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <future>
#include <thread>

#include "common/precision.h"
#include "gonka/engine/exact.h"
#include "gonka/model/size.h"
#include "gonka/model_commands.h"

namespace gonka::cli {
namespace {

constexpr uint64_t kBarWidth = 40;
constexpr uint64_t kKvSlackBytes = 64 << 20;  // Caches are given out in pages.

void DrawBar(uint64_t done, uint64_t total) {
  const uint64_t percent = total == 0 ? 100 : done * 100 / total;
  const uint64_t filled = percent * kBarWidth / 100;
  fmt::print(stderr, "\r[{}{}] {:>3} % of {:.1f} MiB", std::string(filled, '#'),
             std::string(kBarWidth - filled, ' '), percent, static_cast<double>(total) / (1 << 20));
  if (done == total) fmt::print(stderr, "\n");
}

}  // namespace

std::function<void(uint64_t done, uint64_t total)> BarOnTerminal() {
  if (::isatty(STDERR_FILENO) == 0) return {};
  return [drawn = uint64_t{0}](uint64_t done, uint64_t total) mutable {
    if (done != total && done - drawn < total / 100) return;
    drawn = done;
    DrawBar(done, total);
  };
}

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
