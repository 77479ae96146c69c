// Attention of a few rows over paged keys and values: both products run on the tiles of the matrix
// product, with tokens as outputs for the scores and as inputs for the mix. Included once per
// instruction set.

#if defined(GONKA_KERNELS_ATTENTION_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GONKA_KERNELS_ATTENTION_INL_H_
#undef GONKA_KERNELS_ATTENTION_INL_H_
#else
#define GONKA_KERNELS_ATTENTION_INL_H_
#endif

#include <algorithm>
#include <array>

#include "engine/kernels/rows-inl.h"
#include "engine/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gonka::engine::kernels {
namespace HWY_NAMESPACE {

using Plain = Weights<Format::kF32>;
template <size_t... kRows>
constexpr std::array<void (*)(const TileArgs&), sizeof...(kRows)> PlainTiles(
    std::index_sequence<kRows...>) {
  return {Tile<Plain, kRows + 1, 1>...};
}
inline constexpr auto kPlainTiles = PlainTiles(std::make_index_sequence<kAttentionRows>());

// scores[r][t] = scale * (query r . key t), for all t of the pages that the longest row touches.
HWY_INLINE void Scores(const AttentionTask& task, size_t longest, float* scores, size_t stride) {
  const size_t dim = task.head_dim;
  for (size_t t = 0; t < longest; t += kPanel) {
    const float* panel = task.key_pages[t / kPageTokens] + t % kPageTokens / kPanel * dim * kPanel;
    for (size_t begin = 0; begin < dim; begin += kBlock) {
      const auto* weights = reinterpret_cast<const uint8_t*>(panel + begin * kPanel);
      kPlainTiles[task.rows - 1]({.block = weights,
                                  .panel_bytes = 0,
                                  .values = weights,
                                  .count = std::min(kBlock, dim - begin),
                                  .x = task.queries + begin,
                                  .x_stride = dim,
                                  .sums = nullptr,
                                  .sums_stride = 0,
                                  .y = scores + t,
                                  .y_stride = stride,
                                  .into = begin == 0 ? Into::kStore : Into::kAdd});
    }
  }
  for (size_t r = 0; r < task.rows; ++r) {
    for (size_t t = 0; t < task.lengths[r]; ++t) scores[r * stride + t] *= task.scale;
  }
}

// The mix of one block of tokens [begin, end of the block), into mix[r][..] for every row that
// reaches it. All rows together as far as the shortest goes, then each by itself: a chain must stop
// at its row's length.
HWY_INLINE void MixBlock(const AttentionTask& task, size_t begin, size_t shortest,
                         const float* scores, size_t stride, size_t padded, float* mix) {
  const auto run = [&](size_t first_row, size_t rows, size_t from, size_t to) HWY_ATTR {
    const size_t page = from / kPageTokens;
    for (size_t p = 0; p < padded; p += kPanel) {
      const float* panel = task.value_pages[page] + (p * kPageTokens) + from % kPageTokens * kPanel;
      const auto* weights = reinterpret_cast<const uint8_t*>(panel);
      kPlainTiles[rows - 1]({.block = weights,
                             .panel_bytes = 0,
                             .values = weights,
                             .count = to - from,
                             .x = scores + first_row * stride + from,
                             .x_stride = stride,
                             .sums = nullptr,
                             .sums_stride = 0,
                             .y = mix + first_row * padded + p,
                             .y_stride = padded,
                             .into = from == begin ? Into::kStore : Into::kContinue});
    }
  };
  for (size_t page = begin; page < begin + kBlock; page += kPageTokens) {
    const size_t together = std::clamp(shortest, page, page + kPageTokens);
    if (together > page) run(0, task.rows, page, together);
    for (size_t r = 0; r < task.rows; ++r) {
      const size_t to = std::min(task.lengths[r], page + kPageTokens);
      if (to > together) run(r, 1, together, to);
    }
  }
}

void Attend(const AttentionTask& task) {
  const size_t padded = (task.head_dim + kPanel - 1) / kPanel * kPanel;
  const size_t longest = *std::max_element(task.lengths, task.lengths + task.rows);
  const size_t shortest = *std::min_element(task.lengths, task.lengths + task.rows);
  const size_t stride = (longest + kPageTokens - 1) / kPageTokens * kPageTokens;
  float* scores = task.scratch;                   // [rows][stride]
  float* mix = scores + kAttentionRows * stride;  // [rows][padded]
  Scores(task, longest, scores, stride);
  std::array<float, kAttentionRows> sums{};
  for (size_t r = 0; r < task.rows; ++r) Softmax(scores + r * stride, task.lengths[r], &sums[r]);
  for (size_t begin = 0; begin < longest; begin += kBlock) {
    MixBlock(task, begin, shortest, scores, stride, padded, mix);
    for (size_t r = 0; r < task.rows; ++r) {
      if (task.lengths[r] <= begin) continue;
      float* out = task.out + r * padded;
      const float* part = mix + r * padded;
      for (size_t i = 0; i < padded; ++i) out[i] = begin == 0 ? part[i] : out[i] + part[i];
    }
  }
  for (size_t r = 0; r < task.rows; ++r) {
    for (size_t i = 0; i < padded; ++i) task.out[r * padded + i] /= sums[r];
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gonka::engine::kernels
HWY_AFTER_NAMESPACE();
#endif
