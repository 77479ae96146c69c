#pragma once

// Everything that the forward pass computes with; llama.cc says in which order. This is where
// another kernel class plugs in: it brings its own Matrix and these functions, and its own name.
//
// All activations are fp32 and contiguous, one row a token. R is the number of rows.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>
#include <vector>

#include "gonka/model/config.h"

namespace gonka::engine::torch_internal {

// The weight is [out, in], fp32 or bf16; whatever it is, sums are in fp32.
struct Matrix {
  at::Tensor weight;
};
at::Tensor Linear(const at::Tensor& x, const Matrix& matrix);         // [R, in] -> [R, out]
void AddLinear(at::Tensor& y, const at::Tensor& x, const Matrix& m);  // y += x W^T

// The rows of a table, [.., hidden], with these numbers, as fp32.
at::Tensor TakeRows(const at::Tensor& table, std::span<const uint32_t> ids);  // -> [R, hidden]

// Each row divided by its root mean square, times the weight.
at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, float eps);

// silu(gate) * up, from [R, 2 ffn] with gate in the first half of each row.
at::Tensor SwiGlu(const at::Tensor& gate_up);  // -> [R, ffn]

// x += rows of y, each times its weight.
struct ExpertRows {
  std::vector<uint32_t> rows;  // Of x.
  std::vector<float> weights;
};
void AddRows(at::Tensor& x, const at::Tensor& y, const ExpertRows& to);
// Which rows pass each expert: of softmax(logits) the best few, the lower number among equals.
std::vector<ExpertRows> ChooseExperts(const at::Tensor& logits,  // [R, E]
                                      const model::Experts& experts);

// cos and sin of position * frequency[i], for i < D / 2.
struct RotaryTable {
  std::vector<float> cos;  // [context, D / 2]
  std::vector<float> sin;
};
RotaryTable MakeRotaryTable(std::span<const double> frequencies, float factor, uint32_t context);

// Queries, keys and values of a row lie side by side: H heads, then K, then K, of D numbers each.
struct HeadLayout {
  int64_t heads;     // H
  int64_t kv_heads;  // K, divides H
  int64_t head_dim;  // D
  model::RopeStyle rope_style;

  int64_t row() const { return (heads + 2 * kv_heads) * head_dim; }
  int64_t group() const { return heads / kv_heads; }
};
// RmsNorm of each head of queries and keys, in place. The weights are [D].
void NormHeads(at::Tensor& qkv, const at::Tensor& q_weight, const at::Tensor& k_weight, float eps,
               const HeadLayout& layout);
// Turns queries and keys by their positions, in place.
void Rotate(at::Tensor& qkv, std::span<const uint32_t> positions, const RotaryTable& table,
            const HeadLayout& layout);

// Rows row_begin .. row_begin + rows of the batch, which follow `past` tokens of their sequence and
// see it from token `first` on. keys and values are that sequence's cache in this layer,
// [K, capacity, D].
struct AttentionPiece {
  int64_t row_begin;
  int64_t rows;
  int64_t past;
  int64_t first;
  at::Tensor keys;
  at::Tensor values;
  at::Tensor mask;  // [1, 1, group * rows, past + rows - first], undefined for a single row.
};
// window: tokens that a token sees, itself included; 0: all.
AttentionPiece SeeBack(int64_t row_begin, int64_t rows, int64_t past, int64_t window,
                       int64_t group);
// Stores the piece's keys and values behind the past ones, then attends to all up to its own row.
void Attend(const at::Tensor& qkv, const AttentionPiece& piece, const HeadLayout& layout,
            at::Tensor& out);  // out is [R, H * D]

}  // namespace gonka::engine::torch_internal
