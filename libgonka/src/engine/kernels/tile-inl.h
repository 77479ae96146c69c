// The innermost loop: kRows rows times kPanels panels, one block of inputs. Every output is one
// chain of fused multiply-adds in its own lane. Included once per instruction set.

#if defined(GONKA_KERNELS_TILE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GONKA_KERNELS_TILE_INL_H_
#undef GONKA_KERNELS_TILE_INL_H_
#else
#define GONKA_KERNELS_TILE_INL_H_
#endif

#include <utility>

#include "engine/kernels/formats-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gonka::engine::kernels {
namespace HWY_NAMESPACE {

// What becomes of the block's sum: y = sum, y = y + sum, or the chain goes on from y.
enum class Into : uint8_t { kStore, kAdd, kContinue };

struct TileArgs {
  const uint8_t* block;   // Of the first panel,
  size_t panel_bytes;     // and how much further the next one's lies.
  const uint8_t* values;  // Behind the block's header.
  size_t count;           // Inputs, at most kBlock.
  const float* x;         // [rows] x_stride apart.
  size_t x_stride;
  const float* sums;  // Of x's groups, [rows] sums_stride apart; only with a minimum.
  size_t sums_stride;
  float* y;  // [rows][panels][16], rows y_stride apart.
  size_t y_stride;
  Into into;
};

// acc[r][p][v] += the products of inputs [begin, end), in order.
template <class W, size_t kRows, size_t kPanels>
HWY_INLINE void Chain(const TileArgs& a, size_t begin, size_t end, VF* acc) {
  const DF d;
  const auto step = [&]<size_t I>(size_t k, const typename W::Words* words) HWY_ATTR {
    VF w[kPanels * kVectors];
#pragma GCC unroll 32
    for (size_t i = 0; i < kPanels * kVectors; ++i) w[i] = W::template Get<I>(words[i]);
#pragma GCC unroll 32
    for (size_t r = 0; r < kRows; ++r) {
      const VF x = hn::Set(d, a.x[r * a.x_stride + k + I]);
#pragma GCC unroll 32
      for (size_t i = 0; i < kPanels * kVectors; ++i) {
        acc[r * kPanels * kVectors + i] = Fma(w[i], x, acc[r * kPanels * kVectors + i]);
      }
    }
  };
  const auto load = [&](size_t k, typename W::Words* words) HWY_ATTR {
#pragma GCC unroll 32
    for (size_t p = 0; p < kPanels; ++p) {
#pragma GCC unroll 32
      for (size_t v = 0; v < kVectors; ++v) {
        words[p * kVectors + v] = W::Load(a.values + p * a.panel_bytes, k, v);
      }
    }
  };
  typename W::Words words[kPanels * kVectors];
  size_t k = begin;
  for (; k + W::kStep <= end; k += W::kStep) {
    load(k, words);
    [&]<size_t... I>(std::index_sequence<I...>) HWY_ATTR {
      (step.template operator()<I>(k, words), ...);
    }
    (std::make_index_sequence<W::kStep>());
  }
  if (k == end) return;
  load(k, words);
  [&]<size_t... I>(std::index_sequence<I...>) HWY_ATTR {
    ((k + I < end ? step.template operator()<I>(k, words) : void()), ...);
  }
  (std::make_index_sequence<W::kStep>());
}

template <class W, size_t kRows, size_t kPanels>
void Tile(const TileArgs& a) {
  const DF d;
  constexpr size_t kAll = kRows * kPanels * kVectors;
  const auto place = [&](size_t i) HWY_ATTR {
    return a.y + i / (kPanels * kVectors) * a.y_stride + i % (kPanels * kVectors) * kWidth;
  };
  VF sum[kAll];
#pragma GCC unroll 64
  for (size_t i = 0; i < kAll; ++i) sum[i] = hn::Zero(d);
  if constexpr (!W::kGrouped) {
    if (a.into == Into::kContinue) {
#pragma GCC unroll 64
      for (size_t i = 0; i < kAll; ++i) sum[i] = hn::LoadU(d, place(i));
    }
    Chain<W, kRows, kPanels>(a, 0, a.count, sum);
  } else {
    const size_t groups = a.count / kGroup;
    for (size_t g = 0; g < groups; ++g) {
      VF part[kAll];
#pragma GCC unroll 64
      for (size_t i = 0; i < kAll; ++i) part[i] = hn::Zero(d);
      Chain<W, kRows, kPanels>(a, g * kGroup, (g + 1) * kGroup, part);
#pragma GCC unroll 64
      for (size_t i = 0; i < kPanels * kVectors; ++i) {
        const uint8_t* block = a.block + i / kVectors * a.panel_bytes;
        const VF scale = W::Scale(block, groups, g, i % kVectors);
        const VF minimum = W::Minimum(block, groups, g, i % kVectors);
#pragma GCC unroll 64
        for (size_t r = 0; r < kRows; ++r) {
          VF& total = sum[r * kPanels * kVectors + i];
          total = Fma(scale, part[r * kPanels * kVectors + i], total);
          if constexpr (W::kMinimum) {
            total = Fma(minimum, hn::Set(d, a.sums[r * a.sums_stride + g]), total);
          }
        }
      }
    }
  }
#pragma GCC unroll 64
  for (size_t i = 0; i < kAll; ++i) {
    if (a.into == Into::kAdd) sum[i] = hn::Add(hn::LoadU(d, place(i)), sum[i]);
    hn::StoreU(sum[i], d, place(i));
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace gonka::engine::kernels
HWY_AFTER_NAMESPACE();
#endif
