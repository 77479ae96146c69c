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

// Tokens that some row of a task attends to: [begin, end). Their scores are kept from `base` on,
// the beginning of a block.
struct Seen {
  size_t base;
  size_t begin;   // Of the row that looks back farthest,
  size_t latest;  // and of the one that looks back least.
  size_t end;     // The same for the ends.
  size_t shortest;
};
HWY_INLINE size_t BeginOf(const AttentionTask& task, size_t row) {
  return task.begins == nullptr ? 0 : task.begins[row];
}
HWY_INLINE Seen SeenBy(const AttentionTask& task) {
  Seen seen{0, BeginOf(task, 0), BeginOf(task, 0), task.ends[0], task.ends[0]};
  for (size_t r = 1; r < task.rows; ++r) {
    seen.begin = std::min(seen.begin, BeginOf(task, r));
    seen.latest = std::max(seen.latest, BeginOf(task, r));
    seen.end = std::max(seen.end, task.ends[r]);
    seen.shortest = std::min(seen.shortest, task.ends[r]);
  }
  seen.base = seen.begin / kBlock * kBlock;
  return seen;
}

// scores[r][t - base] = scale * (query r . key t), for all t of the panels that rows touch.
HWY_INLINE void Scores(const AttentionTask& task, const Seen& seen, float* scores, size_t stride) {
  const size_t dim = task.head_dim;
  for (size_t t = seen.begin / kPanel * kPanel; t < seen.end; t += kPanel) {
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
                                  .y = scores + (t - seen.base),
                                  .y_stride = stride,
                                  .into = begin == 0 ? Into::kStore : Into::kAdd});
    }
  }
  for (size_t r = 0; r < task.rows; ++r) {
    float* row = scores + r * stride;
    const size_t end = task.ends[r] - seen.base;
    for (size_t t = BeginOf(task, r) - seen.base; t < end; ++t) row[t] *= task.scale;
  }
}

// The mix of the tokens of one block, into mix[r][..] for every row that sees some of them. All
// rows together where all see, the rest each by itself: a chain begins and stops exactly with its
// row.
HWY_INLINE void MixBlock(const AttentionTask& task, const Seen& seen, size_t block,
                         const float* scores, size_t stride, size_t padded, float* mix) {
  const auto run = [&](size_t first_row, size_t rows, size_t from, size_t to) HWY_ATTR {
    if (from >= to) return;
    for (size_t p = 0; p < padded; p += kPanel) {
      const float* panel =
          task.value_pages[from / kPageTokens] + (p * kPageTokens) + from % kPageTokens * kPanel;
      const auto* weights = reinterpret_cast<const uint8_t*>(panel);
      kPlainTiles[rows - 1]({.block = weights,
                             .panel_bytes = 0,
                             .values = weights,
                             .count = to - from,
                             .x = scores + first_row * stride + (from - seen.base),
                             .x_stride = stride,
                             .sums = nullptr,
                             .sums_stride = 0,
                             .y = mix + first_row * padded + p,
                             .y_stride = padded,
                             .into = Into::kContinue});
    }
  };
  std::fill(mix, mix + task.rows * padded, 0.0f);  // Where chains start.
  for (size_t page = block; page < block + kBlock && page < seen.end; page += kPageTokens) {
    const size_t page_end = page + kPageTokens;
    const size_t from = std::clamp(seen.latest, page, page_end);
    const size_t to = std::max(from, std::clamp(seen.shortest, page, page_end));
    for (size_t r = 0; r < task.rows; ++r) {
      run(r, 1, std::max(BeginOf(task, r), page), std::min(task.ends[r], from));
    }
    run(0, task.rows, from, to);
    for (size_t r = 0; r < task.rows; ++r) {
      run(r, 1, std::max(BeginOf(task, r), to), std::min(task.ends[r], page_end));
    }
  }
}

void Attend(const AttentionTask& task) {
  const size_t padded = (task.head_dim + kPanel - 1) / kPanel * kPanel;
  const Seen seen = SeenBy(task);
  const size_t stride = (seen.end - seen.base + kPageTokens - 1) / kPageTokens * kPageTokens;
  float* scores = task.scratch;                   // [rows][stride]
  float* mix = scores + kAttentionRows * stride;  // [rows][padded]
  Scores(task, seen, scores, stride);
  std::array<float, kAttentionRows> sums{};
  for (size_t r = 0; r < task.rows; ++r) {
    const size_t begin = BeginOf(task, r);
    Softmax(scores + r * stride + (begin - seen.base), task.ends[r] - begin, &sums[r]);
  }
  for (size_t block = seen.base; block < seen.end; block += kBlock) {
    MixBlock(task, seen, block, scores, stride, padded, mix);
    for (size_t r = 0; r < task.rows; ++r) {
      const size_t begin = BeginOf(task, r);
      if (begin >= block + kBlock || task.ends[r] <= block) continue;
      float* out = task.out + r * padded;
      const float* part = mix + r * padded;
      for (size_t i = 0; i < padded; ++i) out[i] = begin >= block ? part[i] : out[i] + part[i];
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
