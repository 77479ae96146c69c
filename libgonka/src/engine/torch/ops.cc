#include "engine/torch/ops.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "engine/clones.h"
#include "engine/torch/thin_matmul.h"

namespace gonka::engine::torch_internal {
namespace {

constexpr size_t kLanes = 16;

GONKA_CLONES
float SumOfSquares(const float* x, size_t count) {
  std::array<float, kLanes> lanes{};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) lanes[l] += x[i + l] * x[i + l];
  }
  for (; i < count; ++i) lanes[0] += x[i] * x[i];
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

GONKA_CLONES
void Scale(const float* x, const float* weight, float factor, size_t count, float* out) {
  for (size_t i = 0; i < count; ++i) out[i] = x[i] * factor * weight[i];
}

// One head. first and second are the two numbers of a pair, `stride` apart from pair to pair.
void RotateHead(float* head, const float* cos, const float* sin, int64_t half,
                model::RopeStyle style) {
  const bool pairs = style == model::RopeStyle::kInterleavedPairs;
  const int64_t stride = pairs ? 2 : 1;
  float* second = head + (pairs ? 1 : half);
  for (int64_t i = 0; i < half; ++i) {
    const float a = head[i * stride];
    const float b = second[i * stride];
    head[i * stride] = a * cos[i] - b * sin[i];
    second[i * stride] = a * sin[i] + b * cos[i];
  }
}

// [rows, heads, D] strided by rows of qkv -> [heads, position, D] of the cache.
void StoreHeads(const float* first_row, int64_t row_stride, const AttentionPiece& piece,
                const HeadLayout& layout, at::Tensor& cache) {
  float* base = cache.data_ptr<float>();
  const size_t bytes = static_cast<size_t>(layout.head_dim) * sizeof(float);
  for (int64_t h = 0; h < layout.kv_heads; ++h) {
    float* head = base + h * cache.stride(0) + piece.past * layout.head_dim;
    for (int64_t r = 0; r < piece.rows; ++r) {
      std::memcpy(head + r * layout.head_dim, first_row + r * row_stride + h * layout.head_dim,
                  bytes);
    }
  }
}

at::Tensor ThinLinear(const at::Tensor& x, const at::Tensor& weight, bool narrow) {
  const int64_t out = weight.size(0);
  at::Tensor y = at::empty({x.size(0), out}, at::kFloat);
  const ThinMatmul job{.x = x.data_ptr<float>(),
                       .rows = x.size(0),
                       .in = x.size(1),
                       .y = y.data_ptr<float>(),
                       .out_stride = out};
  const void* w = weight.data_ptr();
  at::parallel_for(0, out, 64, [&](int64_t begin, int64_t end) {
    if (narrow) {
      Multiply(job, static_cast<const uint16_t*>(w), begin, end);
    } else {
      Multiply(job, static_cast<const float*>(w), begin, end);
    }
  });
  return y;
}

// bf16 weights, fp32 arithmetic: widens a panel that stays in the cache, then multiplies by it.
at::Tensor WidenedLinear(const at::Tensor& x, const at::Tensor& weight) {
  constexpr int64_t kPanel = 256;
  const int64_t out = weight.size(0);
  at::Tensor y = at::empty({x.size(0), out}, at::kFloat);
  for (int64_t begin = 0; begin < out; begin += kPanel) {
    const int64_t count = std::min(kPanel, out - begin);
    const at::Tensor wide = weight.narrow(0, begin, count).to(at::kFloat);
    at::Tensor columns = y.narrow(1, begin, count);
    at::mm_out(columns, x, wide.t());
  }
  return y;
}

}  // namespace

at::Tensor Linear(const at::Tensor& x, const Matrix& matrix) {
  const bool narrow = matrix.weight.scalar_type() == at::kBFloat16;
  if (x.size(0) <= kThinRowsMax) return ThinLinear(x, matrix.weight, narrow);
  return narrow ? WidenedLinear(x, matrix.weight) : at::linear(x, matrix.weight);
}

void AddLinear(at::Tensor& y, const at::Tensor& x, const Matrix& matrix) {
  y.add_(Linear(x, matrix));
}

at::Tensor TakeRows(const at::Tensor& table, std::span<const uint32_t> ids) {
  at::Tensor index = at::empty({static_cast<int64_t>(ids.size())}, at::kLong);
  std::copy(ids.begin(), ids.end(), index.data_ptr<int64_t>());
  return at::index_select(table, 0, index).to(at::kFloat);
}

at::Tensor RmsNorm(const at::Tensor& x, const at::Tensor& weight, float eps) {
  const int64_t hidden = x.size(1);
  at::Tensor out = at::empty(x.sizes(), at::kFloat);
  const float* from = x.data_ptr<float>();
  const float* w = weight.data_ptr<float>();
  float* to = out.data_ptr<float>();
  at::parallel_for(0, x.size(0), 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = from + r * hidden;
      const auto count = static_cast<size_t>(hidden);
      const float mean = SumOfSquares(row, count) / static_cast<float>(hidden);
      Scale(row, w, 1.0f / std::sqrt(mean + eps), count, to + r * hidden);
    }
  });
  return out;
}

at::Tensor SwiGlu(const at::Tensor& gate_up) {
  const int64_t ffn = gate_up.size(1) / 2;
  return at::silu(gate_up.narrow(1, 0, ffn)).mul_(gate_up.narrow(1, ffn, ffn));
}

std::vector<ExpertRows> ChooseExperts(const at::Tensor& logits, const model::Experts& experts) {
  const at::Tensor all = at::softmax(logits, 1);  // [R, E]
  std::vector<ExpertRows> chosen(experts.count);
  std::vector<uint32_t> order(experts.count);
  for (int64_t r = 0; r < all.size(0); ++r) {
    const float* p = all.data_ptr<float>() + r * all.size(1);
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + experts.used, order.end(),
                      [&](uint32_t a, uint32_t b) { return p[a] != p[b] ? p[a] > p[b] : a < b; });
    float sum = 0;
    for (uint32_t i = 0; i < experts.used; ++i) sum += p[order[i]];
    for (uint32_t i = 0; i < experts.used; ++i) {
      ExpertRows& expert = chosen[order[i]];
      expert.rows.push_back(static_cast<uint32_t>(r));
      expert.weights.push_back(experts.normalized ? p[order[i]] / sum : p[order[i]]);
    }
  }
  return chosen;
}

void AddRows(at::Tensor& x, const at::Tensor& y, const ExpertRows& to) {
  const int64_t width = x.size(1);
  for (size_t i = 0; i < to.rows.size(); ++i) {
    float* into = x.data_ptr<float>() + to.rows[i] * width;
    const float* from = y.data_ptr<float>() + static_cast<int64_t>(i) * width;
    for (int64_t c = 0; c < width; ++c) into[c] += to.weights[i] * from[c];
  }
}

void NormHeads(at::Tensor& qkv, const at::Tensor& q_weight, const at::Tensor& k_weight, float eps,
               const HeadLayout& layout) {
  const auto count = static_cast<size_t>(layout.head_dim);
  float* data = qkv.data_ptr<float>();
  at::parallel_for(0, qkv.size(0), 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (int64_t h = 0; h < layout.heads + layout.kv_heads; ++h) {
        float* head = data + r * layout.row() + h * layout.head_dim;
        const at::Tensor& weight = h < layout.heads ? q_weight : k_weight;
        const float mean = SumOfSquares(head, count) / static_cast<float>(count);
        Scale(head, weight.data_ptr<float>(), 1.0f / std::sqrt(mean + eps), count, head);
      }
    }
  });
}

RotaryTable MakeRotaryTable(std::span<const double> frequencies, float factor, uint32_t context) {
  const size_t half = frequencies.size();
  RotaryTable table;
  table.cos.resize(size_t{context} * half);
  table.sin.resize(size_t{context} * half);
  for (size_t i = 0; i < half; ++i) {
    for (uint32_t position = 0; position < context; ++position) {
      const double angle = position * frequencies[i];
      table.cos[size_t{position} * half + i] = static_cast<float>(std::cos(angle) * factor);
      table.sin[size_t{position} * half + i] = static_cast<float>(std::sin(angle) * factor);
    }
  }
  return table;
}

void Rotate(at::Tensor& qkv, std::span<const uint32_t> positions, const RotaryTable& table,
            const HeadLayout& layout) {
  const int64_t half = layout.head_dim / 2;
  float* data = qkv.data_ptr<float>();
  at::parallel_for(0, qkv.size(0), 16, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      const size_t entry = size_t{positions[static_cast<size_t>(r)]} * static_cast<size_t>(half);
      for (int64_t h = 0; h < layout.heads + layout.kv_heads; ++h) {
        RotateHead(data + r * layout.row() + h * layout.head_dim, &table.cos[entry],
                   &table.sin[entry], half, layout.rope_style);
      }
    }
  });
}

AttentionPiece SeeBack(int64_t row_begin, int64_t rows, int64_t past, int64_t window,
                       int64_t group) {
  const int64_t all = past + rows;
  const int64_t first = window == 0 ? 0 : std::max<int64_t>(past + 1 - window, 0);
  AttentionPiece piece{.row_begin = row_begin,
                       .rows = rows,
                       .past = past,
                       .first = first,
                       .keys = {},
                       .values = {},
                       .mask = {}};
  if (rows == 1) return piece;  // It sees all that is there.
  piece.mask = at::zeros({1, 1, group * rows, all - first}, at::kFloat);
  float* data = piece.mask.data_ptr<float>();
  for (int64_t r = 0; r < group * rows; ++r) {
    const int64_t own = past + r % rows;
    for (int64_t t = first; t < all; ++t) {
      if (t <= own && (window == 0 || t > own - window)) continue;
      data[r * (all - first) + t - first] = -std::numeric_limits<float>::infinity();
    }
  }
  return piece;
}

void Attend(const at::Tensor& qkv, const AttentionPiece& piece, const HeadLayout& layout,
            at::Tensor& out) {
  const int64_t n = piece.rows;
  const int64_t K = layout.kv_heads;
  const int64_t G = layout.group();
  const int64_t D = layout.head_dim;
  const at::Tensor rows = qkv.narrow(0, piece.row_begin, n);  // [n, (H + 2 K) D]
  const float* first_key = rows.data_ptr<float>() + layout.heads * D;
  at::Tensor keys = piece.keys;
  at::Tensor values = piece.values;
  StoreHeads(first_key, layout.row(), piece, layout, keys);
  StoreHeads(first_key + K * D, layout.row(), piece, layout, values);

  // The G query heads that share a key head become G times as many rows of one head.
  const at::Tensor q = rows.narrow(1, 0, layout.heads * D)  // [n, H D]
                           .view({n, K, G, D})
                           .permute({1, 2, 0, 3})  // [K, G, n, D]
                           .reshape({1, K, G * n, D});
  const int64_t seen = piece.past + n - piece.first;
  const at::Tensor k = keys.narrow(1, piece.first, seen).unsqueeze(0);    // [1, K, seen, D]
  const at::Tensor v = values.narrow(1, piece.first, seen).unsqueeze(0);  // the same
  std::optional<at::Tensor> mask;
  if (piece.mask.defined()) mask = piece.mask;
  const at::Tensor mixed = at::scaled_dot_product_attention(q, k, v, mask);  // [1, K, G n, D]
  out.narrow(0, piece.row_begin, n)
      .view({n, K, G, D})
      .copy_(mixed.view({K, G, n, D}).permute({2, 0, 1, 3}));
}

}  // namespace gonka::engine::torch_internal
