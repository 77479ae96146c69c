#pragma once

// The shape and constants of a model. Whatever the file says that we would have to ignore is
// refused by name and value: a field left out silently gives wrong answers, which look like
// cheating.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/model/gguf.h"

namespace gonka::model {

// Which two numbers of a head one rotation turns: (0,1), (2,3), ... or (0, d/2), (1, d/2 + 1), ...
enum class RopeStyle : uint8_t { kInterleavedPairs, kHalves };

// How the rotations of a model are slowed down beyond the context that it was trained on.
// "dynamic" is not among them: within max_position_embeddings, which is then the context, it turns
// as if it were not there, and beyond it every earlier key would have to turn anew with each token.
enum class RopeScalingType : uint8_t {
  kNone = 0,
  kLinear = 1,  // All frequencies divided by factor.
  kLlama3 = 2,  // Slow ones divided, fast ones kept, smooth in between.
  kYarn = 3,    // The same by number of turns; cos and sin are multiplied, too.
  kTensor = 4   // Divided by the elements of the tensor "rope_freqs.weight".
};

struct RopeScaling {
  RopeScalingType type = RopeScalingType::kNone;
  float factor = 1;
  uint32_t original_context = 0;  // Llama 3 and YaRN: tokens that the model was trained on.
  float low_freq_factor = 0;      // Llama 3.
  float high_freq_factor = 0;     // Llama 3.
  float beta_fast = 0;            // YaRN: turns within the original context.
  float beta_slow = 0;            // YaRN.
  float attention_factor = 1;     // YaRN: of cos and sin.
  bool truncate = true;           // YaRN: the bounds of the ramp are whole numbers.

  bool operator==(const RopeScaling&) const = default;
};

// A feed-forward layer of several networks, of which each token passes the best few.
struct Experts {
  uint32_t count = 0;  // 0: one network, no choice.
  uint32_t used = 0;
  bool normalized = true;  // The weights of the used ones are made to sum to one.

  bool operator==(const Experts&) const = default;
};

struct ModelConfig {
  std::string architecture = {};  // "llama" (Mistral and Mixtral, too), "qwen2", "qwen3", "qwen3moe"
  std::string name = {};          // For people: "SmolLM2 135M Instruct". May be empty.
  uint32_t layers = 0;
  uint32_t hidden = 0;
  uint32_t heads = 0;
  uint32_t kv_heads = 0;  // Divides heads.
  uint32_t head_dim = 0;  // Even.
  uint32_t ffn = 0;       // Of one expert where there are experts.
  uint32_t vocab = 0;
  uint32_t context = 0;  // Tokens.
  float rms_eps = 0;
  float rope_theta = 0;
  RopeStyle rope_style = RopeStyle::kInterleavedPairs;
  bool tied_embeddings = false;  // The output matrix is the embedding.
  RopeScaling rope_scaling = {};
  bool qkv_bias = false;  // Queries, keys and values have biases (Qwen2).
  bool qk_norm = false;   // Queries and keys are normalised by head before they turn (Qwen3).
  uint32_t sliding_window = 0;    // Tokens that a token sees, itself included; 0: all.
  uint32_t full_attention_layers = 0;  // The first layers, which see everything nevertheless.
  Experts experts = {};

  // What one layer's tokens see: 0 is everything.
  uint32_t WindowOf(uint32_t layer) const {
    return layer < full_attention_layers ? 0 : sliding_window;
  }
  bool operator==(const ModelConfig&) const = default;
};

// config.json of a Hugging Face folder; path is for messages. Knows the families llama, mistral,
// mixtral, qwen2, qwen3 and qwen3_moe. A field that is not known is refused unless it asks for
// nothing (null or false).
absl::StatusOr<ModelConfig> ConfigFromJson(const std::string& path, std::string_view json);
absl::StatusOr<ModelConfig> ConfigFromGguf(const Gguf& gguf);

}  // namespace gonka::model
