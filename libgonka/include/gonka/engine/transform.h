#pragma once

// Models and engines that are not what they say, for measuring what verification catches. A target
// of its own, gonka::engine_transform, for tests, benchmarks and development networks; the shipped
// programs do not link it.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "gonka/base/status.h"
#include "gonka/engine/engine.h"

namespace gonka::engine {

// These two fit LocalOptions::weight_hook and LocalOptions::layer_filter.
using WeightTransform = std::function<absl::Status(
    std::string_view tensor, std::span<const uint64_t> shape, std::span<float> values)>;

// What a 4-bit copy makes of the matrices (not of the norms): each group of consecutive weights of
// a row is rounded to 16 equidistant values between its least and its greatest. group divides the
// rows' length or the last group of a row is shorter. Checkpoints that already are 4-bit in groups
// of 32 keep their values with group 32 and lose with 128.
WeightTransform QuantizeInt4(uint32_t group = 128);

// False for layers 2, 5, 8, ...: a model a third smaller.
bool DropEveryThirdLayer(uint32_t layer);

// Writes with one engine and reports the facts of another: a cheap model draws the tokens, then the
// right one scores them and its log-probabilities are given out as the writer's own. What it cannot
// forge is that the tokens are the right model's draws. Tokens come out only when the answer is
// complete and scored.
class ForgingEngine final : public Engine {
 public:
  // Both must outlive this engine, have the same vocabulary, and have ended all their requests when
  // it is destroyed.
  ForgingEngine(Engine& writer, Engine& right);
  ~ForgingEngine() override;

  EngineInfo Info() const override;  // The right engine's.
  RequestId Generate(GenerateRequest request, GenerateEvents events) override;
  RequestId Score(ScoreRequest request, ScoreEvents events) override;  // The right engine's.
  void Cancel(RequestId request) override;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace gonka::engine
