#pragma once

// What a scheduler needs of a model: caches of keys and values, and one pass over a batch. Used
// from the scheduler's thread alone, the one that made it, but for KvBytes.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "gonka/base/status.h"

namespace gonka::engine {

// Keys and values of one sequence, for all layers. Made and read by one kind of forward pass.
class KvCache {
 public:
  virtual ~KvCache() = default;
};

// A stretch of one sequence that one forward pass reads.
struct Piece {
  KvCache* cache = nullptr;          // Holds everything before the stretch, and afterwards it too.
  std::span<const uint32_t> tokens;  // At least one.
  size_t logits_begin = 0;           // Logits are wanted for tokens[logits_begin] and all after it.
};

// Logits that follow pieces[piece].tokens[row]: one for each id, valid during the call only.
using OnLogits = std::function<void(size_t piece, size_t row, std::span<const float> logits)>;

class ForwardPass {
 public:
  virtual ~ForwardPass() = default;

  // What a sequence of that many tokens takes in the end. Any thread.
  virtual uint64_t KvBytes(size_t tokens) const = 0;
  // For at most that many tokens.
  virtual absl::StatusOr<std::unique_ptr<KvCache>> NewCache(size_t tokens) = 0;
  // Reads all pieces together. Calls on_logits piece by piece, row by row.
  virtual absl::Status Forward(std::span<const Piece> pieces, const OnLogits& on_logits) = 0;
};

}  // namespace gonka::engine
