// Sixteen lanes, in as many vectors as the instruction set needs. Included once per instruction
// set.

#if defined(GONKA_KERNELS_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GONKA_KERNELS_VECTOR_INL_H_
#undef GONKA_KERNELS_VECTOR_INL_H_
#else
#define GONKA_KERNELS_VECTOR_INL_H_
#endif

#include <cmath>

#include "engine/kernels/kernels.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gonka::engine::kernels {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using DF = hn::CappedTag<float, kPanel>;
using DU = hn::Rebind<uint32_t, DF>;
using DI = hn::Rebind<int32_t, DF>;
using VF = hn::Vec<DF>;
using VU = hn::Vec<DU>;
inline constexpr size_t kWidth = hn::MaxLanes(DF());
inline constexpr size_t kVectors = kPanel / kWidth;

HWY_INLINE VF Fma(VF a, VF b, VF c) {
#if HWY_NATIVE_FMA
  return hn::MulAdd(a, b, c);
#else
  const DF d;
  HWY_ALIGN float x[kWidth], y[kWidth], z[kWidth];
  hn::Store(a, d, x);
  hn::Store(b, d, y);
  hn::Store(c, d, z);
  for (size_t i = 0; i < kWidth; ++i) z[i] = std::fma(x[i], y[i], z[i]);
  return hn::Load(d, z);
#endif
}

// The sixteen lanes' sum: 8 pairs that are 8 apart, then 4, 2, 1.
HWY_INLINE float Tree(const VF* lanes) {
  const DF d;
  HWY_ALIGN float sums[kPanel];
  for (size_t v = 0; v < kVectors; ++v) hn::Store(lanes[v], d, sums + v * kWidth);
  for (size_t width = kPanel / 2; width > 0; width /= 2) {
    for (size_t l = 0; l < width; ++l) sums[l] = sums[l] + sums[l + width];
  }
  return sums[0];
}

HWY_INLINE VF PowerOfTwo(hn::Vec<DI> k) {
  const DI di;
  return hn::BitCast(DF(), hn::ShiftLeft<23>(hn::Add(k, hn::Set(di, 127))));
}

// e^x; NaN stays NaN.
HWY_INLINE VF Exp(VF x) {
  const DF d;
  const DI di;
  x = hn::IfThenElse(hn::Lt(x, hn::Set(d, -104.0f)), hn::Set(d, -104.0f), x);
  x = hn::IfThenElse(hn::Gt(x, hn::Set(d, 89.0f)), hn::Set(d, 89.0f), x);
  const VF magic = hn::Set(d, 12582912.0f);
  const VF z = Fma(x, hn::Set(d, 0x1.715476p+0f), magic);
  const VF n = hn::Sub(z, magic);
  VF r = Fma(n, hn::Set(d, -0x1.63p-1f), x);
  r = Fma(n, hn::Set(d, 0x1.bd0106p-13f), r);
  VF p = hn::Set(d, 0x1.a0d2cep-13f);
  p = Fma(p, r, hn::Set(d, 0x1.6e879cp-10f));
  p = Fma(p, r, hn::Set(d, 0x1.11121p-7f));
  p = Fma(p, r, hn::Set(d, 0x1.555382p-5f));
  p = Fma(p, r, hn::Set(d, 0x1.555554p-3f));
  p = Fma(p, r, hn::Set(d, 0.5f));
  p = hn::Add(Fma(p, hn::Mul(r, r), r), hn::Set(d, 1.0f));
  const auto k = hn::Sub(hn::BitCast(di, z), hn::BitCast(di, magic));
  const auto low = hn::ShiftRight<1>(k);
  return hn::Mul(hn::Mul(p, PowerOfTwo(low)), PowerOfTwo(hn::Sub(k, low)));
}

}  // namespace HWY_NAMESPACE
}  // namespace gonka::engine::kernels
HWY_AFTER_NAMESPACE();
#endif
