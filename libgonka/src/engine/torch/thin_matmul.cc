#include "engine/torch/thin_matmul.h"

#include <bit>
#include <cstring>

#include "engine/clones.h"

namespace gonka::engine::torch_internal {
namespace {

constexpr int kLanes = 16;

// The compiler cuts these into whatever registers the instruction set has; lanes never mix.
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using Words = uint32_t __attribute__((vector_size(kLanes * sizeof(uint32_t))));
using Halves = uint16_t __attribute__((vector_size(kLanes * sizeof(uint16_t))));

inline float Widen(float w) {
  return w;
}
inline float Widen(uint16_t w) {
  return std::bit_cast<float>(uint32_t{w} << 16);
}

template <class Vector, class T>
[[gnu::always_inline]] inline void Load(const T* from, Vector& to) {
  std::memcpy(&to, from, sizeof(to));
}
[[gnu::always_inline]] inline void LoadWide(const float* w, Lanes& wide) {
  Load(w, wide);
}
[[gnu::always_inline]] inline void LoadWide(const uint16_t* w, Lanes& wide) {
  Halves narrow;
  Load(w, narrow);
  wide = reinterpret_cast<Lanes>(__builtin_convertvector(narrow, Words) << 16);
}

[[gnu::always_inline]] inline float Folded(const Lanes& lanes) {
  float sum[kLanes];
  std::memcpy(sum, &lanes, sizeof(sum));
  for (int width = kLanes / 2; width > 0; width /= 2) {
    for (int l = 0; l < width; ++l) sum[l] += sum[l + width];
  }
  return sum[0];
}

// What is left over of a dot product after `from`.
template <class Weight>
[[gnu::always_inline]] inline float Rest(const float* x, const Weight* w, int64_t from,
                                         int64_t in) {
  float sum = 0;
  for (int64_t i = from; i < in; ++i) sum += Widen(w[i]) * x[i];
  return sum;
}

// One dot product, four vectors at a time: enough chains to hide the adder, one stream of memory.
// Without the prefetch (2 KB ahead was best) it ran at 60 % of the speed.
template <class Weight>
[[gnu::always_inline]] inline float Dot(const float* x, const Weight* w, int64_t in) {
  constexpr int kChains = 4;
  constexpr int kStep = kChains * kLanes;
  constexpr int kLine = 64 / sizeof(Weight);
  constexpr int kAhead = 2048 / sizeof(Weight);
  Lanes sums[kChains] = {};
  int64_t i = 0;
  for (; i + kStep <= in; i += kStep) {
    for (int line = 0; line < kStep; line += kLine) __builtin_prefetch(w + i + kAhead + line);
#pragma GCC unroll 4
    for (int c = 0; c < kChains; ++c) {
      Lanes wide, row;
      LoadWide(w + i + c * kLanes, wide);
      Load(x + i + c * kLanes, row);
      sums[c] += wide * row;
    }
  }
  return Folded((sums[0] + sums[1]) + (sums[2] + sums[3])) + Rest(x, w, i, in);
}

// kOuts dot products for each of kRows rows, while the next kOuts rows of the weights come in.
template <int kRows, int kOuts, class Weight>
[[gnu::always_inline]] inline void Tile(const float* x, int64_t in, const Weight* w, float* y,
                                        int64_t out_stride) {
  Lanes sums[kRows][kOuts] = {};
  int64_t i = 0;
  for (; i + kLanes <= in; i += kLanes) {
    Lanes rows[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) Load(x + r * in + i, rows[r]);
#pragma GCC unroll 4
    for (int o = 0; o < kOuts; ++o) {
      Lanes wide;
      LoadWide(w + o * in + i, wide);
      __builtin_prefetch(w + (kOuts + o) * in + i);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sums[r][o] += wide * rows[r];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int o = 0; o < kOuts; ++o) {
      y[r * out_stride + o] = Folded(sums[r][o]) + Rest(x + r * in, w + o * in, i, in);
    }
  }
}

template <int kRows, int kOuts, class Weight>
[[gnu::always_inline]] inline void Tiles(const ThinMatmul& m, const Weight* w, int64_t out,
                                         int64_t& row) {
  for (; row + kRows <= m.rows; row += kRows) {
    Tile<kRows, kOuts>(m.x + row * m.in, m.in, w + out * m.in, m.y + row * m.out_stride + out,
                       m.out_stride);
  }
}

template <int kOuts, class Weight>
[[gnu::always_inline]] inline void TileRows(const ThinMatmul& m, const Weight* w, int64_t out) {
  int64_t row = 0;
  Tiles<4, kOuts>(m, w, out, row);
  Tiles<2, kOuts>(m, w, out, row);
  Tiles<1, kOuts>(m, w, out, row);
}

template <class Weight>
[[gnu::always_inline]] inline void MultiplyAll(const ThinMatmul& m, const Weight* w,
                                               int64_t out_begin, int64_t out_end) {
  int64_t out = out_begin;
  if (m.rows == 1) {
    for (; out < out_end; ++out) m.y[out] = Dot(m.x, w + out * m.in, m.in);
    return;
  }
  constexpr int kOuts = 4;
  for (; out + kOuts <= out_end; out += kOuts) TileRows<kOuts>(m, w, out);
  for (; out < out_end; ++out) TileRows<1>(m, w, out);
}

}  // namespace

GONKA_CLONES
void Multiply(const ThinMatmul& m, const float* w, int64_t out_begin, int64_t out_end) {
  MultiplyAll(m, w, out_begin, out_end);
}

GONKA_CLONES
void Multiply(const ThinMatmul& m, const uint16_t* w, int64_t out_begin, int64_t out_end) {
  MultiplyAll(m, w, out_begin, out_end);
}

}  // namespace gonka::engine::torch_internal
