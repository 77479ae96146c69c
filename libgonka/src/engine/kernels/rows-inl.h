// What happens to one row of activations: norms, gates, softmax. Included once per instruction set.

#if defined(GONKA_KERNELS_ROWS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GONKA_KERNELS_ROWS_INL_H_
#undef GONKA_KERNELS_ROWS_INL_H_
#else
#define GONKA_KERNELS_ROWS_INL_H_
#endif

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gonka::engine::kernels {
namespace HWY_NAMESPACE {

// Sixteen numbers at a time; a rest is filled up with `fill` and passed on in a buffer.
template <class Each>
HWY_INLINE void EachSixteen(const float* x, size_t count, float fill, Each each) {
  size_t i = 0;
  for (; i + kPanel <= count; i += kPanel) each(x + i, i);
  if (i == count) return;
  HWY_ALIGN float rest[kPanel];
  std::fill_n(rest, kPanel, fill);
  std::copy(x + i, x + count, rest);
  each(static_cast<const float*>(rest), i);
}

void GroupSums(const float* x, size_t count, float* out) {
  const DF d;
  for (size_t g = 0; g < count / kGroup; ++g, x += kGroup) {
    VF lanes[kVectors];
    for (size_t v = 0; v < kVectors; ++v) {
      lanes[v] = hn::Add(hn::LoadU(d, x + v * kWidth), hn::LoadU(d, x + kPanel + v * kWidth));
    }
    out[g] = Tree(lanes);
  }
}

void RmsNorm(const float* x, const float* weight, size_t count, float eps, float* out) {
  const DF d;
  VF lanes[kVectors];
  for (VF& lane : lanes) lane = hn::Zero(d);
  // A filled-up 0 adds +0 to a sum of squares, which changes nothing.
  EachSixteen(x, count, 0.0f, [&](const float* some, size_t) HWY_ATTR {
    for (size_t v = 0; v < kVectors; ++v) {
      const VF value = hn::LoadU(d, some + v * kWidth);
      lanes[v] = Fma(value, value, lanes[v]);
    }
  });
  const float mean = Tree(lanes) / static_cast<float>(count);
  const float factor = 1.0f / std::sqrt(mean + eps);
  for (size_t i = 0; i < count; ++i) out[i] = (x[i] * factor) * weight[i];
}

void SwiGlu(const float* gate, const float* up, size_t count, float* out) {
  const DF d;
  EachSixteen(gate, count, 0.0f, [&](const float* some, size_t at) HWY_ATTR {
    HWY_ALIGN float gated[kPanel];
    for (size_t v = 0; v < kVectors; ++v) {
      const VF g = hn::LoadU(d, some + v * kWidth);
      const VF e = Exp(hn::Xor(g, hn::Set(d, -0.0f)));
      hn::Store(hn::Div(g, hn::Add(hn::Set(d, 1.0f), e)), d, gated + v * kWidth);
    }
    const size_t here = std::min(kPanel, count - at);
    for (size_t i = 0; i < here; ++i) out[at + i] = gated[i] * up[at + i];
  });
}

// The largest that is a number; minus infinity where there is none.
HWY_INLINE float Largest(const float* scores, size_t count) {
  const DF d;
  constexpr float kNone = -std::numeric_limits<float>::infinity();
  VF lanes[kVectors];
  for (VF& lane : lanes) lane = hn::Set(d, kNone);
  EachSixteen(scores, count, kNone, [&](const float* some, size_t) HWY_ATTR {
    for (size_t v = 0; v < kVectors; ++v) {
      const VF s = hn::LoadU(d, some + v * kWidth);
      lanes[v] = hn::IfThenElse(hn::Gt(s, lanes[v]), s, lanes[v]);
    }
  });
  HWY_ALIGN float all[kPanel];
  for (size_t v = 0; v < kVectors; ++v) hn::Store(lanes[v], d, all + v * kWidth);
  return *std::max_element(all, all + kPanel);
}

void Softmax(float* scores, size_t count, float* sum) {
  const DF d;
  const VF largest = hn::Set(d, Largest(scores, count));
  VF lanes[kVectors];
  for (VF& lane : lanes) lane = hn::Zero(d);
  EachSixteen(scores, count, 0.0f, [&](const float* some, size_t at) HWY_ATTR {
    HWY_ALIGN float e[kPanel];
    for (size_t v = 0; v < kVectors; ++v) {
      hn::Store(Exp(hn::Sub(hn::LoadU(d, some + v * kWidth), largest)), d, e + v * kWidth);
    }
    const size_t here = std::min(kPanel, count - at);
    std::fill(e + here, e + kPanel, 0.0f);
    for (size_t v = 0; v < kVectors; ++v) lanes[v] = hn::Add(lanes[v], hn::Load(d, e + v * kWidth));
    std::copy(e, e + here, scores + at);
  });
  *sum = Tree(lanes);
}

}  // namespace HWY_NAMESPACE
}  // namespace gonka::engine::kernels
HWY_AFTER_NAMESPACE();
#endif
