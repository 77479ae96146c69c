#pragma once

// Steps 1 to 4 of doc/sampler.md: logits made finite, penalised, biased and divided by the
// temperature, handed out a chunk at a time so that nothing of the vocabulary's size is copied.

#include <cstdint>
#include <limits>
#include <span>
#include <utility>
#include <vector>

#include "gonka/engine/sampler.h"

namespace gonka::engine::internal {

inline constexpr double kExcluded = -std::numeric_limits<double>::infinity();

class Adjusted {
 public:
  // Borrows everything it is given.
  Adjusted(std::span<const float> logits, const SamplerOptions& options,
           std::span<const uint32_t> prompt, std::span<const uint32_t> output);

  static constexpr size_t kChunk = 256;
  uint32_t size() const { return static_cast<uint32_t>(logits_.size()); }
  // out[j] belongs to id begin + j; ids beyond the vocabulary are kExcluded. begin is a multiple of
  // kChunk.
  void Fill(size_t begin, std::span<double, kChunk> out) const;
  double At(uint32_t id) const;
  double temperature() const { return temperature_; }

 private:
  std::span<const float> logits_;
  double temperature_;  // 1 for greedy options too: there it divides nothing.
  std::vector<std::pair<uint32_t, double>> changed_;  // Penalised and biased, ascending by id.
};

}  // namespace gonka::engine::internal
