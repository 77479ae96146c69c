#pragma once

// Who takes part in a calibration: honest executors on different machines, cheats, and verifiers.
// Each runs in a process of its own, since libtorch picks its instruction set once per process.
// Cheats run on cpu-exact/1 and claim to be it, which gives them the least room.

#include <memory>
#include <string>
#include <vector>

#include "gonka/engine/local.h"
#include "gonka/model/checkpoint.h"
#include "gonka/model/tokenizer.h"

namespace gonka::calibrate {

// Which weights are really run.
enum class Copy { kTrue, kInt4, kEveryThirdLayerDropped };

struct Machine {
  std::string name;
  uint32_t threads = 1;
  uint32_t running = 8;  // Requests in flight together.
  uint32_t chunk = 128;
  bool torch = true;  // Otherwise cpu-exact/1.
  engine::Precision precision = engine::Precision::kFp32;
  std::string capability;  // ATEN_CPU_CAPABILITY, empty for the best there is.
  Copy copy = Copy::kTrue;
};

// How the answers of one executor come about.
struct Executor {
  Machine machine;
  bool honest = true;
  // Somebody else's answers, over which this machine runs to have an artifact: a forgery.
  std::string writer;
  bool other_seed = false;
  double temperature_factor = 1;
};

std::vector<Executor> Executors();
std::vector<Machine> Verifiers();
const Machine* FindVerifier(const std::string& name);
const Executor* FindExecutor(const std::string& name);

// One question that every executor answers.
struct Question {
  std::vector<uint32_t> prompt;
  engine::SamplerOptions sampler;
  Hash sampling_seed;
};
// One question a line of the file, in turn at temperature 1, at 0.7, and at 1 with top_p 0.9.
absl::StatusOr<std::vector<Question>> ReadQuestions(const model::Checkpoint& checkpoint,
                                                    const std::string& path, uint32_t count);

absl::StatusOr<std::unique_ptr<engine::LocalEngine>> MakeEngine(
    std::shared_ptr<const model::Checkpoint> checkpoint, const Machine& machine);

}  // namespace gonka::calibrate
