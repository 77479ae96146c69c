#pragma once

// A Llama-shaped model on libtorch: weights, KV caches and the forward pass. One thread only, the
// one that loaded it. No exception of libtorch leaves it.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "gonka/base/status.h"
#include "gonka/engine/torch.h"
#include "gonka/model/checkpoint.h"

namespace gonka::engine::torch_internal {

// Keys and values of one sequence, for all layers, in one block of a size fixed beforehand.
class KvCache;
struct KvCacheDeleter {
  void operator()(KvCache* cache) const;
};
using KvCachePtr = std::unique_ptr<KvCache, KvCacheDeleter>;

// A stretch of one sequence that one forward pass reads.
struct Piece {
  KvCache* cache = nullptr;          // Holds everything before the stretch, and afterwards it too.
  std::span<const uint32_t> tokens;  // At least one.
  size_t logits_begin = 0;           // Logits are wanted for tokens[logits_begin] and all after it.
};

// Logits that follow pieces[piece].tokens[row]: one for each id, valid during the call only.
using OnLogits = std::function<void(size_t piece, size_t row, std::span<const float> logits)>;

class Llama {
 public:
  struct Options {
    uint32_t threads = 1;
    Precision precision = Precision::kFp32;
    uint32_t context = 0;  // Tokens, for the tables of positions.
    WeightHook weight_hook = {};
    LayerFilter layer_filter = {};
  };
  static absl::StatusOr<std::unique_ptr<Llama>> Load(const model::Checkpoint& checkpoint,
                                                     const Options& options);
  ~Llama();

  // "torch-cpu-fp32/1": changes whenever the numbers may.
  static const char* KernelClass(Precision precision);
  uint64_t KvBytesPerToken() const;
  // Room for that many tokens. Memory is reserved now and touched as it fills.
  absl::StatusOr<KvCachePtr> NewCache(size_t tokens);
  // Reads all pieces together. Calls on_logits piece by piece, row by row.
  absl::Status Forward(std::span<const Piece> pieces, const OnLogits& on_logits);

 private:
  struct Weights;
  explicit Llama(std::unique_ptr<Weights> weights);
  std::unique_ptr<Weights> weights_;
};

}  // namespace gonka::engine::torch_internal
