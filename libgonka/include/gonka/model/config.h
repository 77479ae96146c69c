#pragma once

// The shape and constants of a model. Whatever the file says that we would have to ignore is
// refused by name and value: a field left out silently gives wrong answers, which look like
// cheating.

#include <cstdint>
#include <string>

#include "gonka/base/status.h"
#include "gonka/model/gguf.h"

namespace gonka::model {

// Which two numbers of a head one rotation turns: (0,1), (2,3), ... or (0, d/2), (1, d/2 + 1), ...
enum class RopeStyle : uint8_t { kInterleavedPairs, kHalves };

struct ModelConfig {
  std::string architecture = {};  // "llama"
  std::string name = {};          // For people: "SmolLM2 135M Instruct". May be empty.
  uint32_t layers = 0;
  uint32_t hidden = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;  // Divides heads.
  uint32_t head_dim = 0;  // Even.
  uint32_t ffn = 0;
  uint32_t vocab = 0;
  uint32_t context = 0;  // Tokens.
  float rms_eps = 0;
  float rope_theta = 0;
  RopeStyle rope_style = RopeStyle::kInterleavedPairs;
  bool tied_embeddings = false;  // The output matrix is the embedding.

  bool operator==(const ModelConfig&) const = default;
};

absl::StatusOr<ModelConfig> ConfigFromGguf(const Gguf& gguf);

}  // namespace gonka::model
