#pragma once

// Engines that run a model in this process. They differ in their arithmetic alone:
//
//   MakeExactEngine (engine/exact.h)   cpu-exact/1, the same bits on every CPU; the default
//   MakeTorchEngine (engine/torch.h)   libtorch
//
// One thread of the engine owns the model: it loads the weights and then runs steps, each of them
// one forward pass over one new token of every running answer and a chunk of prompts or Scores that
// are still being read. So requests share the weights' way through memory, and a Score delays
// running answers by no more than a chunk.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "gonka/base/status.h"
#include "gonka/engine/engine.h"

namespace gonka::engine {

class Job;
class Scheduler;

// Of the weights; activations, KV cache and all sums are fp32. kFile: the values that the file
// holds, unrounded. The others are, by rounding, another model: SmolLM2 in bf16 is 0.007 nats away
// from its file, so nodes that check one another use the same.
enum class Precision : uint8_t { kFile, kFp32, kBf16, kInt8 };

// Called with every tensor as it is loaded, before its precision is reduced; may change the values.
// For measuring what a changed model does to verification: see engine/transform.h.
using WeightHook = std::function<absl::Status(
    std::string_view tensor, std::span<const uint64_t> shape, std::span<float> values)>;
// Layers for which it is false are left out.
using LayerFilter = std::function<bool(uint32_t layer)>;

struct LocalOptions {
  Hash manifest = {};  // Reported by Info(); computing it is the caller's (model/manifest.h).
  uint32_t threads = 1;
  Precision precision = Precision::kFile;
  uint32_t context_max = 0;  // Tokens; 0, or more than the model's, is the model's.
  uint64_t kv_bytes_max = uint64_t{1} << 30;  // Requests wait until theirs fits.
  uint32_t running_max = 16;                  // Requests advancing together.
  uint32_t waiting_max = 64;                  // One more is ResourceExhausted.
  // Tokens of prompts and Scores read in one step: while answers run, and while none does. Small
  // keeps answers flowing, large reads faster.
  uint32_t chunk_beside_answers = 32;
  uint32_t chunk_alone = 128;
  WeightHook weight_hook = {};
  LayerFilter layer_filter = {};
};

class LocalEngine final : public Engine {
 public:
  // For the factories above; the scheduler has been started.
  explicit LocalEngine(std::unique_ptr<Scheduler> scheduler);
  // Ends what is left as if cancelled. Not from an event.
  ~LocalEngine() override;

  EngineInfo Info() const override;
  // Besides what every engine refuses: a request whose KV cache alone is beyond kv_bytes_max is
  // InvalidArgument.
  RequestId Generate(GenerateRequest request, GenerateEvents events) override;
  RequestId Score(ScoreRequest request, ScoreEvents events) override;
  void Cancel(RequestId request) override;

  // How it is doing, for metrics. Any thread.
  struct Load {
    uint32_t running = 0;
    uint32_t waiting = 0;
    uint64_t kv_bytes = 0;  // Reserved.
    uint64_t steps = 0;     // Since creation, as the next two.
    uint64_t tokens_drawn = 0;
    uint64_t tokens_read = 0;  // Of prompts and Scores.
  };
  Load CurrentLoad() const;

 private:
  std::unique_ptr<Scheduler> scheduler_;
};

}  // namespace gonka::engine
