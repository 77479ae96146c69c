#include "verification/testbed.h"

#include <fmt/format.h>

#include <cmath>
#include <fstream>

#include "gonka/crypto/hash.h"
#include "gonka/engine/exact.h"
#include "gonka/engine/torch.h"
#include "gonka/engine/transform.h"
#include "gonka/model/prompter.h"

namespace gonka::calibrate {
namespace {

Machine Plain(std::string name) {
  Machine machine;
  machine.name = std::move(name);
  return machine;
}

Machine Bf16(std::string name) {
  Machine machine = Plain(std::move(name));
  machine.precision = engine::Precision::kBf16;
  return machine;
}

Machine Exact(std::string name) {
  Machine machine = Plain(std::move(name));
  machine.torch = false;
  machine.precision = engine::Precision::kFile;
  return machine;
}

Machine WithThreads(std::string name, uint32_t threads, uint32_t running, uint32_t chunk) {
  Machine machine = Plain(std::move(name));
  machine.threads = threads;
  machine.running = running;
  machine.chunk = chunk;
  return machine;
}

Machine WithCapability(std::string name, std::string capability) {
  Machine machine = Plain(std::move(name));
  machine.capability = std::move(capability);
  return machine;
}

Executor Honest(Machine machine) {
  Executor executor;
  executor.machine = std::move(machine);
  return executor;
}

Executor Cheat(std::string name, Copy copy) {
  Executor cheat;
  cheat.machine = Exact(std::move(name));
  cheat.honest = false;
  cheat.machine.copy = copy;
  return cheat;
}

Executor Forger(std::string name, std::string writer) {
  Executor forger = Cheat(std::move(name), Copy::kTrue);
  forger.writer = std::move(writer);
  return forger;
}

Executor OtherTemperature(std::string name, double factor) {
  Executor cheat = Cheat(std::move(name), Copy::kTrue);
  cheat.temperature_factor = factor;
  return cheat;
}

Executor OtherSeed(std::string name) {
  Executor cheat = Cheat(std::move(name), Copy::kTrue);
  cheat.other_seed = true;
  return cheat;
}

engine::SamplerOptions SamplerOf(size_t question) {
  engine::SamplerOptions options;
  if (question % 3 == 1) options.temperature_ppm = 700'000;
  if (question % 3 == 2) options.top_p_ppm = 900'000;
  return options;
}

absl::StatusOr<std::vector<uint32_t>> Prompt(const model::Prompter& prompter,
                                             const std::string& line) {
  if (!prompter.has_chat_template()) return prompter.Text(line + "\n");
  const std::vector<model::ChatMessage> messages{{"user", line}};
  return prompter.Chat(messages);
}

}  // namespace

// A writer stands before its forger.
std::vector<Executor> Executors() {
  return {Honest(Exact("cpu-exact")),
          Honest(WithThreads("threads 1, batch 1", 1, 1, 128)),
          Honest(WithThreads("threads 1, batch 4, chunks of 17", 1, 4, 17)),
          Honest(WithCapability("AVX2 kernels", "avx2")),
          Honest(Bf16("bf16")),
          Cheat("int4, groups of 128", Copy::kInt4),
          Cheat("every third layer dropped", Copy::kEveryThirdLayerDropped),
          Forger("forged, small writes", "every third layer dropped"),
          Forger("forged, int4 writes", "int4, groups of 128"),
          OtherSeed("other sampling seed"),
          OtherTemperature("30 % colder", 0.7),
          OtherTemperature("30 % hotter", 1.3),
          OtherTemperature("10 % colder", 0.9)};
}

std::vector<Machine> Verifiers() {
  return {Exact("cpu-exact"), WithThreads("threads 1", 1, 1, 128), Bf16("bf16")};
}

const Machine* FindVerifier(const std::string& name) {
  static const std::vector<Machine> machines = Verifiers();
  for (const Machine& machine : machines) {
    if (machine.name == name) return &machine;
  }
  return nullptr;
}

const Executor* FindExecutor(const std::string& name) {
  static const std::vector<Executor> executors = Executors();
  for (const Executor& executor : executors) {
    if (executor.machine.name == name) return &executor;
  }
  return nullptr;
}

absl::StatusOr<std::vector<Question>> ReadQuestions(const model::Checkpoint& checkpoint,
                                                    const std::string& path, uint32_t count) {
  GONKA_ASSIGN_OR_RETURN(const auto prompter, model::Prompter::FromCheckpoint(checkpoint));
  std::ifstream file(path);
  std::vector<Question> questions;
  for (std::string line; questions.size() < count && std::getline(file, line);) {
    GONKA_ASSIGN_OR_RETURN(std::vector<uint32_t> prompt, Prompt(*prompter, line));
    const uint64_t number = questions.size();
    questions.push_back({.prompt = std::move(prompt),
                         .sampler = SamplerOf(number),
                         .sampling_seed = TaggedHash("gonka/calibrate/1", number)});
  }
  if (questions.empty()) return absl::NotFoundError(fmt::format("{} has no prompts", path));
  return questions;
}

absl::StatusOr<std::unique_ptr<engine::LocalEngine>> MakeEngine(
    std::shared_ptr<const model::Checkpoint> checkpoint, const Machine& machine) {
  engine::LocalOptions options;
  options.threads = machine.threads;
  options.precision = machine.precision;
  options.running_max = machine.running;
  options.chunk_alone = machine.chunk;
  options.chunk_beside_answers = machine.chunk;
  if (machine.copy == Copy::kInt4) options.weight_hook = engine::QuantizeInt4(128);
  if (machine.copy == Copy::kEveryThirdLayerDropped) {
    options.layer_filter = engine::DropEveryThirdLayer;
  }
  if (machine.torch) return engine::MakeTorchEngine(std::move(checkpoint), options);
  return engine::MakeExactEngine(std::move(checkpoint), options);
}

}  // namespace gonka::calibrate
