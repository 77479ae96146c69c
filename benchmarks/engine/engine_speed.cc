// How fast engines run a checkpoint, beside what the machine can do and beside libtorch, all in one
// run on the same threads.
//
//   engine_speed --model FILE [--threads N] [--torch]
//
// A share is of the machine's limit: of memory bandwidth where every token reads all weights once
// (batch 1), of the multiply-add peak, or of batch times bandwidth where that is less.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <future>
#include <iostream>

#include "engine/limits.h"
#include "gonka/engine/exact.h"
#include "gonka/model/checkpoint.h"
#ifdef GONKA_WITH_TORCH
#include "gonka/engine/torch.h"
#endif

namespace gonka::engine_speed {
namespace {

using engine::Precision;
using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string model;
  uint32_t threads = 2;
  int tries = 3;
  bool torch = false;
};

// What one token costs: all matrices that it passes once.
struct Work {
  double bytes = 0;
  double operations = 0;
};
Work WorkOf(const model::Checkpoint& checkpoint, Precision precision) {
  Work work;
  for (const model::TensorInfo& tensor : checkpoint.tensors()) {
    if (tensor.shape.size() < 2) continue;
    if (tensor.name == "token_embd.weight" && !checkpoint.config().tied_embeddings) continue;
    const auto values = static_cast<double>(tensor.Rows() * tensor.Columns());
    work.operations += 2 * values;
    work.bytes += precision == Precision::kFp32   ? 4 * values
                  : precision == Precision::kBf16 ? 2 * values
                  : precision == Precision::kInt8 ? values
                                                  : static_cast<double>(checkpoint.RawSize(tensor));
  }
  return work;
}

std::vector<uint32_t> Prompt(uint32_t tokens, uint32_t vocabulary, uint32_t seed) {
  std::vector<uint32_t> prompt;
  for (uint32_t i = 0; i < tokens; ++i) prompt.push_back((i * 7919 + seed * 13 + 1) % vocabulary);
  return prompt;
}

// From the first to the last token of `batch` answers, tokens a second.
double DecodeRate(engine::Engine& engine, uint32_t batch) {
  constexpr uint32_t kTokens = 65;
  struct Times {
    std::promise<void> done;
    Clock::time_point first, last;
    uint32_t tokens = 0;
  };
  std::vector<Times> times(batch);
  for (uint32_t i = 0; i < batch; ++i) {
    Times& mine = times[i];
    engine.Generate(
        {.prompt = Prompt(4, engine.Info().vocabulary, i), .tokens_max = kTokens, .top_k_facts = 5},
        {.on_token =
             [&mine](const auto&) {
               mine.last = Clock::now();
               if (mine.tokens++ == 0) mine.first = mine.last;
             },
         .on_done = [&mine](auto) { mine.done.set_value(); }});
  }
  for (Times& one : times) one.done.get_future().wait();
  Clock::time_point first = times[0].first, last = times[0].last;
  for (const Times& one : times) {
    first = std::max(first, one.first);
    last = std::min(last, one.last);
  }
  return batch * (kTokens - 1) / std::chrono::duration<double>(last - first).count();
}

// To the first token after a prompt of 512, tokens a second.
double PrefillRate(engine::Engine& engine) {
  constexpr uint32_t kTokens = 512;
  std::promise<void> done;
  const auto start = Clock::now();
  engine.Generate({.prompt = Prompt(kTokens, engine.Info().vocabulary, 0), .tokens_max = 1},
                  {.on_done = [&](auto) { done.set_value(); }});
  done.get_future().wait();
  return kTokens / std::chrono::duration<double>(Clock::now() - start).count();
}

void Report(const Arguments& arguments, const Limits& limits, const Work& work,
            absl::StatusOr<std::unique_ptr<engine::LocalEngine>> made, double load_s) {
  if (!made.ok()) {
    fmt::print("{}\n", ToString(made.status()));
    return;
  }
  engine::LocalEngine& engine = **made;
  double one = 0, eight = 0, prefill = 0;
  for (int i = 0; i < arguments.tries; ++i) {
    one = std::max(one, DecodeRate(engine, 1));
    eight = std::max(eight, DecodeRate(engine, 8));
    prefill = std::max(prefill, PrefillRate(engine));
  }
  const double by_memory = limits.read_gb_per_s * 1e9 / work.bytes;
  const double by_fma = limits.fma_gflop_per_s * 1e9 / work.operations;
  fmt::print("{:<20} {:>6.2f} {:>8.1f} {:>4.0f} % {:>7.1f} {:>4.0f} % {:>7.1f} {:>4.0f} %\n",
             engine.Info().kernel_class, load_s, one, 100 * one / by_memory, eight,
             100 * eight / std::min(by_fma, 8 * by_memory), prefill, 100 * prefill / by_fma);
  std::cout.flush();
}

int Run(const Arguments& arguments) {
  const auto checkpoint = model::Checkpoint::Open(arguments.model);
  if (!checkpoint.ok()) {
    std::cerr << "engine_speed: " << ToString(checkpoint.status()) << "\n";
    return 1;
  }
  const Limits limits = MeasureLimits(arguments.threads);
  fmt::print(
      "{}, {} threads, kernels {} (Highway {}): reads {:.1f} GB/s in four streams a thread, "
      "multiplies {:.0f} GFLOP/s\n\n"
      "tokens a second      load s  batch 1  share  batch 8  share   prompt  share\n",
      (*checkpoint)->config().name, arguments.threads, engine::InstructionSets().front(),
      limits.instruction_set, limits.read_gb_per_s, limits.fma_gflop_per_s);
  const auto timed = [&](auto make, Precision precision) {
    engine::LocalOptions options;
    options.threads = arguments.threads;
    options.precision = precision;
    const auto start = Clock::now();
    auto made = make(*checkpoint, options);
    const double load_s = std::chrono::duration<double>(Clock::now() - start).count();
    Report(arguments, limits, WorkOf(**checkpoint, precision), std::move(made), load_s);
  };
  const auto exact = [](const auto& from, const auto& options) {
    return engine::MakeExactEngine(from, options);
  };
  for (const Precision p :
       {Precision::kFile, Precision::kInt8, Precision::kBf16, Precision::kFp32}) {
    timed(exact, p);
  }
#ifdef GONKA_WITH_TORCH
  if (arguments.torch) {
    timed(engine::MakeTorchEngine, Precision::kBf16);
    timed(engine::MakeTorchEngine, Precision::kFp32);
  }
#endif
  return 0;
}

}  // namespace
}  // namespace gonka::engine_speed

int main(int argc, char** argv) {
  gonka::engine_speed::Arguments arguments;
  CLI::App app{"Measures engines on a checkpoint against the machine's limits."};
  app.add_option("--model", arguments.model, "checkpoint: a .gguf file or a folder")->required();
  app.add_option("--threads", arguments.threads, "compute threads")->check(CLI::Range(1, 256));
  app.add_option("--tries", arguments.tries, "the best one counts")->check(CLI::Range(1, 100));
  app.add_flag("--torch", arguments.torch, "libtorch, too");
  CLI11_PARSE(app, argc, argv);
  return gonka::engine_speed::Run(arguments);
}
