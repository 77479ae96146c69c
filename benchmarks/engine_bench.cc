// What drawing a token, stating its facts and running SmolLM2 on one thread cost.
// engine/engine_speed measures whole engines against the machine.
//
//   GONKA_SMOLLM2=path/to/SmolLM2-135M-Instruct.Q4_1.gguf engine_bench
//
// Without GONKA_SMOLLM2 the engine runs the tiny checkpoint.

#include <benchmark/benchmark.h>

#include <cstdlib>
#include <future>
#include <random>
#include <string>

#include "gonka/engine/exact.h"
#include "gonka/engine/facts.h"
#include "gonka/model/checkpoint.h"

namespace gonka::engine {
namespace {

constexpr uint32_t kVocabulary = 49'152;

std::vector<float> Logits() {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, 2.5f);
  std::vector<float> logits(kVocabulary);
  for (float& x : logits) x = normal(random);
  logits[5] = 18;
  logits[77] = 17;
  return logits;
}

void DrawWith(benchmark::State& state, const SamplerOptions& options) {
  const std::vector<float> logits = Logits();
  uint32_t position = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(DrawToken(logits, options, {}, position++, {}, {}));
  }
}
BENCHMARK_CAPTURE(DrawWith, greedy, SamplerOptions{.temperature_ppm = 0});
BENCHMARK_CAPTURE(DrawWith, temperature_1, SamplerOptions{});
BENCHMARK_CAPTURE(DrawWith, temperature_0_7, SamplerOptions{.temperature_ppm = 700'000});
BENCHMARK_CAPTURE(DrawWith, top_p_0_9, SamplerOptions{.top_p_ppm = 900'000});
BENCHMARK_CAPTURE(DrawWith, top_k_50, SamplerOptions{.top_k = 50});
BENCHMARK_CAPTURE(DrawWith, min_p_0_05, SamplerOptions{.min_p_ppm = 50'000});

void Facts(benchmark::State& state) {
  const std::vector<float> logits = Logits();
  for (auto _ : state) benchmark::DoNotOptimize(FactsOf(logits, Summarise(logits), 5, 5));
}
BENCHMARK(Facts);

std::shared_ptr<const model::Checkpoint> Checkpoint() {
  const char* path = std::getenv("GONKA_SMOLLM2");
  static const auto checkpoint =
      model::Checkpoint::Open(path != nullptr ? path : GONKA_SOURCE_DIR "/examples/tiny/tiny.gguf")
          .value();
  return checkpoint;
}

std::unique_ptr<LocalEngine> MakeEngine(Precision precision) {
  return MakeExactEngine(Checkpoint(), {.precision = precision}).value();
}

std::vector<uint32_t> Prompt(uint32_t tokens, uint32_t seed) {
  std::vector<uint32_t> prompt;
  const uint32_t vocabulary = Checkpoint()->config().vocab;
  for (uint32_t i = 0; i < tokens; ++i) prompt.push_back((i * 7919 + seed * 13 + 1) % vocabulary);
  return prompt;
}

void LoadWeights(benchmark::State& state, Precision precision) {
  for (auto _ : state) benchmark::DoNotOptimize(MakeEngine(precision));
}

// Time a step of `batch` answers that are written together.
void Decode(benchmark::State& state, Precision precision) {
  constexpr uint32_t kTokens = 33;
  const auto engine = MakeEngine(precision);
  const auto batch = static_cast<uint32_t>(state.range(0));
  for (auto _ : state) {
    std::vector<std::promise<void>> done(batch);
    for (uint32_t i = 0; i < batch; ++i) {
      engine->Generate({.prompt = Prompt(1, i), .tokens_max = kTokens, .top_k_facts = 5},
                       {.on_done = [&, i](auto) { done[i].set_value(); }});
    }
    for (auto& one : done) one.get_future().wait();
  }
  state.SetItemsProcessed(state.iterations() * batch * kTokens);
}

void Score(benchmark::State& state, Precision precision) {
  const auto engine = MakeEngine(precision);
  const std::vector<uint32_t> tokens = Prompt(static_cast<uint32_t>(state.range(0)), 0);
  for (auto _ : state) {
    std::promise<void> done;
    engine->Score({.tokens = tokens, .output_begin = 64, .top_k_facts = 5},
                  {.on_done = [&](auto) { done.set_value(); }});
    done.get_future().wait();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

#define GONKA_ENGINE_BENCHMARK(function, ...)                \
  BENCHMARK_CAPTURE(function, file, Precision::kFile)        \
  __VA_ARGS__->UseRealTime()->Unit(benchmark::kMillisecond); \
  BENCHMARK_CAPTURE(function, bf16, Precision::kBf16)        \
  __VA_ARGS__->UseRealTime()->Unit(benchmark::kMillisecond)
GONKA_ENGINE_BENCHMARK(LoadWeights);
GONKA_ENGINE_BENCHMARK(Decode, ->Arg(1)->Arg(8));
GONKA_ENGINE_BENCHMARK(Score, ->Arg(320)->Arg(512));

}  // namespace
}  // namespace gonka::engine
