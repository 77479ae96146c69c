#pragma once

// A checkpoint's weights as the kernels read them: matrices in panels, as narrow as they may be.

#include <optional>
#include <vector>

#include "engine/exact/team.h"
#include "engine/kernels/matrix.h"
#include "engine/kernels/rotary.h"
#include "gonka/engine/local.h"
#include "gonka/model/checkpoint.h"

namespace gonka::engine::exact {

using kernels::Matrix;

// Matrices that multiply the same rows; their outputs lie side by side, each at a multiple of 32.
using Stack = std::vector<Matrix>;
size_t WidthOf(const Stack& stack);                // Of all outputs together.
size_t OffsetOf(const Stack& stack, size_t part);  // Where the outputs of one begin.

// gate and up of [ffn, hidden], down of [hidden, ffn].
struct FeedForward {
  Stack gate_up;
  Stack down;
};

// What a layer lacks is empty: biases but in Qwen2, norms of heads but in Qwen3, and either the one
// feed-forward network's router or all but one of the networks.
struct Layer {
  uint32_t window = 0;           // Tokens that a token sees; 0: all.
  std::vector<float> attn_norm;  // [hidden]
  Stack qkv;                     // [H D, hidden], [K D, hidden], [K D, hidden]
  std::vector<float> q_bias;     // [H D]
  std::vector<float> k_bias;     // [K D]
  std::vector<float> v_bias;     // [K D]
  std::vector<float> q_norm;     // [D]
  std::vector<float> k_norm;     // [D]
  Stack attn_output;             // [hidden, H D]
  std::vector<float> ffn_norm;   // [hidden]
  Stack router;                  // [E, hidden]
  std::vector<FeedForward> ffn;  // One, or E
};

struct Weights {
  model::ModelConfig config;
  kernels::RotaryTable rotary;
  Stack embedding;  // [vocab, hidden]
  std::vector<Layer> layers;
  std::vector<float> output_norm;  // [hidden]
  Stack output;                    // [vocab, hidden]; empty where it is the embedding

  const Stack& Output() const { return output.empty() ? embedding : output; }
};

// context: tokens, for the tables of positions. Refuses what the kernels cannot do before it reads
// a weight.
absl::StatusOr<Weights> LoadWeights(const model::Checkpoint& checkpoint,
                                    const LocalOptions& options, uint32_t context, Team& team);

}  // namespace gonka::engine::exact
