// Matrix products: a few rows straight from the narrow weights, many rows from a block that is
// widened once into a buffer. Included once per instruction set.

#if defined(GONKA_KERNELS_LINEAR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GONKA_KERNELS_LINEAR_INL_H_
#undef GONKA_KERNELS_LINEAR_INL_H_
#else
#define GONKA_KERNELS_LINEAR_INL_H_
#endif

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "engine/kernels/tile-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gonka::engine::kernels {
namespace HWY_NAMESPACE {

// Two panels of 16 in so many rows keep all sums in registers.
inline constexpr size_t kRowsMax = kVectors == 1 ? 12 : 6;
// Up to here weights are widened in registers.
inline constexpr size_t kFewRows = 2;
inline constexpr size_t kWidePanels = kVectors == 1 ? 2 : 1;

struct Place {
  const LinearTask& task;
  size_t panel;
  size_t block;
  size_t row;
};

HWY_INLINE TileArgs ArgsAt(const Place& at, const uint8_t* weights, size_t panel_bytes,
                           size_t header) {
  const LinearTask& t = at.task;
  const size_t inputs = t.weight->inputs();
  const size_t groups = inputs / kGroup;
  return {.block = weights,
          .panel_bytes = panel_bytes,
          .values = weights + header,
          .count = std::min(kBlock, inputs - at.block * kBlock),
          .x = t.x + at.row * t.x_stride + at.block * kBlock,
          .x_stride = t.x_stride,
          .sums = t.group_sums == nullptr ? nullptr
                                          : t.group_sums + at.row * groups + at.block * kGroupsMax,
          .sums_stride = groups,
          .y = t.y + at.row * t.y_stride + at.panel * kPanel,
          .y_stride = t.y_stride,
          .into = at.block == 0 ? Into::kStore : Into::kAdd};
}

template <Format kFormat, size_t kRows, size_t kPanels>
HWY_INLINE void FewRows(const LinearTask& task, size_t panel) {
  const Matrix& w = *task.weight;
  for (size_t b = 0; b * kBlock < w.inputs(); ++b) {
    const size_t count = std::min(kBlock, w.inputs() - b * kBlock);
    Tile<Weights<kFormat>, kRows, kPanels>(ArgsAt(
        {task, panel, b, 0}, w.Block(panel, b), w.panel_bytes(), BlockHeaderBytes(kFormat, count)));
  }
}

template <Format kFormat, size_t kRows>
void FewRowsIn(const LinearTask& task, size_t begin, size_t end) {
  size_t panel = 2 * begin;
  for (; panel + 4 <= 2 * end; panel += 4) FewRows<kFormat, kRows, 4>(task, panel);
  if (panel < 2 * end) FewRows<kFormat, kRows, 2>(task, panel);
}

// One panel's block as fp32, with its scales and minima.
template <Format kFormat>
void Widen(const uint8_t* block, size_t count, uint8_t* wide) {
  using W = Weights<kFormat>;
  const DF d;
  auto* out = reinterpret_cast<float*>(wide);
  const size_t groups = count / kGroup;
  for (size_t v = 0; W::kGrouped && v < kVectors; ++v) {
    for (size_t g = 0; g < groups; ++g) {
      float* scale = out + g * kPanel + v * kWidth;
      hn::StoreU(W::Scale(block, groups, g, v), d, scale);
      hn::StoreU(W::Minimum(block, groups, g, v), d, scale + kGroupsMax * kPanel);
    }
  }
  out += kWideScales / sizeof(float);
  const uint8_t* values = block + BlockHeaderBytes(kFormat, count);
  for (size_t k = 0; k < count; k += W::kStep) {
    for (size_t v = 0; v < kVectors; ++v) {
      const auto words = W::Load(values, k, v);
      [&]<size_t... I>(std::index_sequence<I...>) HWY_ATTR {
        ((k + I < count
              ? hn::StoreU(W::template Get<I>(words), d, out + (k + I) * kPanel + v * kWidth)
              : void()),
         ...);
      }
      (std::make_index_sequence<W::kStep>());
    }
  }
}

using TileFunction = void (*)(const TileArgs&);
template <class W, size_t... kRows>
constexpr std::array<TileFunction, sizeof...(kRows)> Tiles(std::index_sequence<kRows...>) {
  return {Tile<W, kRows + 1, kWidePanels>...};
}
template <class W>
inline constexpr auto kTiles = Tiles<W>(std::make_index_sequence<kRowsMax>());

template <Format kFormat>
using Wide =
    std::conditional_t<!IsGrouped(kFormat), Weights<Format::kF32>, WideGroups<HasMinimum(kFormat)>>;

template <Format kFormat>
void ManyRows(const LinearTask& task, size_t begin, size_t end) {
  const Matrix& w = *task.weight;
  // As even as they can be: a short last tile would run at a fraction of the speed.
  const size_t tiles = (task.rows + kRowsMax - 1) / kRowsMax;
  alignas(64) static thread_local uint8_t buffer[kWidePanels * kWideBytes];
  for (size_t panel = 2 * begin; panel < 2 * end; panel += kWidePanels) {
    for (size_t b = 0; b * kBlock < w.inputs(); ++b) {
      const size_t count = std::min(kBlock, w.inputs() - b * kBlock);
      const uint8_t* weights = w.Block(panel, b);
      size_t panel_bytes = w.panel_bytes();
      size_t header = 0;
      if constexpr (kFormat != Format::kF32) {
        for (size_t p = 0; p < kWidePanels; ++p) {
          Widen<kFormat>(weights + p * panel_bytes, count, buffer + p * kWideBytes);
        }
        weights = buffer;
        panel_bytes = kWideBytes;
        header = kWideScales;
      }
      for (size_t t = 0; t < tiles; ++t) {
        const size_t row = t * task.rows / tiles;
        const size_t rows = (t + 1) * task.rows / tiles - row;
        kTiles<Wide<kFormat>>[rows - 1](
            ArgsAt({task, panel, b, row}, weights, panel_bytes, header));
      }
    }
  }
}

template <Format kFormat>
void LinearIn(const LinearTask& task, size_t begin, size_t end) {
  static_assert(kFewRows == 2);
  if (task.rows == 1) {
    FewRowsIn<kFormat, 1>(task, begin, end);
  } else if (task.rows == 2) {
    FewRowsIn<kFormat, 2>(task, begin, end);
  } else {
    ManyRows<kFormat>(task, begin, end);
  }
}

void ScaleOutputs(const LinearTask& task, size_t begin, size_t end) {
  const float* scales = task.weight->scales();
  for (size_t r = 0; r < task.rows; ++r) {
    float* y = task.y + r * task.y_stride;
    for (size_t n = 2 * begin * kPanel; n < 2 * end * kPanel; ++n) y[n] = y[n] * scales[n];
  }
}

void Linear(const LinearTask& task, size_t begin, size_t end) {
  switch (task.weight->format()) {
    case Format::kF32:
      return LinearIn<Format::kF32>(task, begin, end);
    case Format::kBf16:
      return LinearIn<Format::kBf16>(task, begin, end);
    case Format::kInt8:
      LinearIn<Format::kInt8>(task, begin, end);
      return ScaleOutputs(task, begin, end);
    case Format::kQ8_0:
      return LinearIn<Format::kQ8_0>(task, begin, end);
    case Format::kQ4_0:
      return LinearIn<Format::kQ4_0>(task, begin, end);
    case Format::kQ4_1:
      return LinearIn<Format::kQ4_1>(task, begin, end);
    case Format::kQ4_K:
      return LinearIn<Format::kQ4_K>(task, begin, end);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gonka::engine::kernels
HWY_AFTER_NAMESPACE();
#endif
