#pragma once

// A pseudo-model for simulations: its logits are a hash of the last tokens, so Generate and Score
// agree exactly, cost microseconds, and differ between "checkpoints" as real ones do. It runs on a
// Loop and takes that loop's time, so a simulator decides how long a token lasts.
//
// Threads: as for every Engine; events come on the loop's thread. Fail, Hang and Recover may be
// called from any thread too and act in the order of posting.

#include <cstdint>
#include <memory>
#include <span>

#include "gonka/base/loop.h"
#include "gonka/engine/engine.h"

namespace gonka::engine {

struct ScriptedOptions {
  EngineInfo info = {
      .model = "scripted", .kernel_class = "scripted/1", .vocabulary = 64, .context = 4096};
  uint64_t model_seed = 1;  // Another seed is another model.
  // Standard deviation, in nats, of an error added to every logit: another kernel (1e-4), a
  // quantised copy (0.1 and more). noise_seed tells one such copy from another.
  float noise = 0;
  uint64_t noise_seed = 1;
  int64_t us_per_prompt_token = 20;  // Of Score, too.
  int64_t us_per_token = 2'000;
  uint32_t running_max = 8;   // These advance side by side, each at its own us_per_token.
  uint32_t waiting_max = 64;  // One more is ResourceExhausted.
};

// The logits that follow `before`; out has one element per id. Only the last three tokens matter.
void ScriptedLogits(const ScriptedOptions& options, std::span<const uint32_t> before,
                    std::span<float> out);

class ScriptedEngine final : public Engine {
 public:
  // loop must outlive the engine. Destruction (on the loop's thread) drops all requests silently.
  ScriptedEngine(Loop& loop, ScriptedOptions options);
  ~ScriptedEngine() override;

  EngineInfo Info() const override;
  RequestId Generate(GenerateRequest request, GenerateEvents events) override;
  RequestId Score(ScoreRequest request, ScoreEvents events) override;
  void Cancel(RequestId request) override;

  // Every request, present or new, ends with this status: a crash is Unavailable.
  void Fail(absl::Status status);
  // Nothing happens to any request, not even refusal, until Recover.
  void Hang();
  // Ends Fail or Hang. What hung goes on.
  void Recover();

 private:
  class State;
  std::shared_ptr<State> state_;  // Posted tasks hold it weakly.
};

}  // namespace gonka::engine
