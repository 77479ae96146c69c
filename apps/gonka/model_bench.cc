// gonka model bench: how fast a checkpoint runs on this machine.

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "gonka/model_commands.h"

namespace gonka::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchFlags {
  RunFlags run;
  uint32_t tokens_max = 64;
  uint32_t prompt = 256;
  uint32_t rounds = 3;
};

struct Speeds {
  double prompt = 0;  // Tokens a second.
  double decode = 0;
};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double PerSecond(uint32_t tokens, Clock::duration time) {
  return tokens / std::max(std::chrono::duration<double>(time).count(), 1e-9);
}

// The first token of an answer comes when the prompt has been read. shift keeps one round from
// finding the prompt of another.
absl::StatusOr<Speeds> Measure(engine::Engine& engine, const BenchFlags& flags, uint32_t shift) {
  engine::GenerateRequest request{.tokens_max = flags.tokens_max,
                                  .sampler = {.temperature_ppm = 0}};
  const uint32_t vocabulary = engine.Info().vocabulary;
  for (uint32_t i = 0; i < flags.prompt; ++i) {
    request.prompt.push_back(static_cast<uint32_t>((uint64_t{i} + shift) * 7919 % vocabulary));
  }
  const Clock::time_point start = Clock::now();
  Clock::time_point first;
  uint32_t tokens = 0;
  GONKA_RETURN_IF_ERROR(Run(engine, std::move(request), [&](const engine::TokenFacts&) {
                          if (tokens++ == 0) first = Clock::now();
                        }).status());
  return Speeds{.prompt = PerSecond(flags.prompt, first - start),
                .decode = PerSecond(tokens - 1, Clock::now() - first)};
}

absl::Status Bench(const BenchFlags& flags, bool as_json) {
  const Clock::time_point start = Clock::now();
  GONKA_ASSIGN_OR_RETURN(auto checkpoint, model::Checkpoint::Open(flags.run.path));
  GONKA_ASSIGN_OR_RETURN(const auto engine, LoadEngine(flags.run, std::move(checkpoint)));
  const double load_s = std::chrono::duration<double>(Clock::now() - start).count();
  std::vector<double> prompt;
  std::vector<double> decode;
  for (uint32_t round = 0; round < flags.rounds; ++round) {
    GONKA_ASSIGN_OR_RETURN(const Speeds speeds, Measure(*engine, flags, round));
    prompt.push_back(speeds.prompt);
    decode.push_back(speeds.decode);
  }
  const engine::EngineInfo info = engine->Info();
  if (as_json) {
    fmt::print("{}\n", Json{{"model", info.model},
                            {"kernel_class", info.kernel_class},
                            {"threads", flags.run.threads},
                            {"load_s", load_s},
                            {"prompt_tokens", flags.prompt},
                            {"prompt_tokens_per_s", Median(prompt)},
                            {"output_tokens", flags.tokens_max},
                            {"decode_tokens_per_s", Median(decode)}}
                           .dump(2));
    return absl::OkStatus();
  }
  fmt::print("{}, {}, {} thread{}, loaded in {:.2f} s\n", info.model, info.kernel_class,
             flags.run.threads, flags.run.threads == 1 ? "" : "s", load_s);
  fmt::print("prompt  {:>9.1f} tokens/s  ({} tokens)\n", Median(prompt), flags.prompt);
  fmt::print("decode  {:>9.1f} tokens/s  ({} tokens, one answer; medians of {})\n", Median(decode),
             flags.tokens_max, flags.rounds);
  return absl::OkStatus();
}

}  // namespace

void AddModelBench(CLI::App& model, Context& context) {
  CLI::App* command = model.add_subcommand("bench", "tokens a second, of prompts and of answers");
  auto flags = std::make_shared<BenchFlags>();
  AddRunFlags(*command, flags->run);
  command->add_option("--prompt", flags->prompt, "tokens of the prompt")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  command->add_option("--tokens", flags->tokens_max, "tokens of the answer")
      ->capture_default_str()
      ->check(CLI::Range(2u, 1u << 20));
  command->add_option("--rounds", flags->rounds)->capture_default_str()->check(CLI::Range(1, 1000));
  command->callback([flags, &context] {
    context.run = [flags, &context] { return Bench(*flags, context.json); };
  });
}

}  // namespace gonka::cli
