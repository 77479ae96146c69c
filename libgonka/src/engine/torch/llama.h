#pragma once

// A Llama-shaped model on libtorch: weights, KV caches and the forward pass. One thread only, the
// one that loaded it. No exception of libtorch leaves it.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "engine/forward_pass.h"
#include "gonka/base/status.h"
#include "gonka/engine/local.h"
#include "gonka/model/checkpoint.h"

namespace gonka::engine::torch_internal {

class Llama final : public ForwardPass {
 public:
  struct Options {
    uint32_t threads = 1;
    bool bf16 = false;     // Weights; otherwise fp32.
    uint32_t context = 0;  // Tokens, for the tables of positions.
    WeightHook weight_hook = {};
    LayerFilter layer_filter = {};
  };
  // Whenever the numbers may change, so does the kernel class that MakeTorchEngine reports.
  static absl::StatusOr<std::unique_ptr<ForwardPass>> Load(const model::Checkpoint& checkpoint,
                                                           const Options& options);
  ~Llama() override;

  uint64_t KvBytes(size_t tokens) const override;
  // Memory is reserved at once and touched as it fills.
  absl::StatusOr<std::unique_ptr<KvCache>> NewCache(size_t tokens) override;
  absl::Status Forward(std::span<const Piece> pieces, const OnLogits& on_logits) override;

 private:
  struct Weights;
  explicit Llama(std::unique_ptr<Weights> weights);
  std::unique_ptr<Weights> weights_;
};

}  // namespace gonka::engine::torch_internal
