#include <bit>
#include <cfenv>
#include <cmath>
#include <cstring>

#include "engine/kernels/kernels.h"

// Only sets with a fused multiply-add, and the plain one, whose fma is the C library's.
#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_SSE4 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/kernels/simd.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// After highway.h, as it asks.
#include "engine/kernels/attention-inl.h"
#include "engine/kernels/linear-inl.h"
#include "engine/kernels/rows-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gonka::engine::kernels {
namespace HWY_NAMESPACE {

const Kernels& Table() {
  static constexpr Kernels kTable = {
#if HWY_TARGET == HWY_AVX2
    .name = "avx2",
#elif HWY_TARGET == HWY_NEON
    .name = "neon",
#elif HWY_TARGET == HWY_EMU128 || HWY_TARGET == HWY_SCALAR
    .name = "scalar",
#else
    .name = "avx512",
#endif
    .linear = Linear,
    .group_sums = GroupSums,
    .rms_norm = RmsNorm,
    .swiglu = SwiGlu,
    .softmax = Softmax,
    .attend = Attend,
  };
  return kTable;
}

}  // namespace HWY_NAMESPACE
}  // namespace gonka::engine::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gonka::engine::kernels {

std::span<const Kernels* const> AvailableKernels() {
  static const std::vector<const Kernels*> available = [] {
    std::vector<const Kernels*> list;
    [[maybe_unused]] const int64_t supported = hwy::SupportedTargets();
#if HWY_TARGETS & HWY_AVX3
    if (supported & HWY_AVX3) list.push_back(&N_AVX3::Table());
#endif
#if HWY_TARGETS & HWY_AVX2
    if (supported & HWY_AVX2) list.push_back(&N_AVX2::Table());
#endif
#if HWY_TARGETS & HWY_NEON
    if (supported & HWY_NEON) list.push_back(&N_NEON::Table());
#endif
#if HWY_TARGETS & HWY_EMU128
    list.push_back(&N_EMU128::Table());
#elif HWY_TARGETS & HWY_SCALAR
    list.push_back(&N_SCALAR::Table());
#endif
    return list;
  }();
  return available;
}

size_t AttentionScratch(size_t head_dim, size_t tokens) {
  const size_t padded = (head_dim + kPanel - 1) / kPanel * kPanel;
  const size_t scores = (tokens + kPageTokens - 1) / kPageTokens * kPageTokens;
  return kAttentionRows * (scores + padded);
}

bool SoundArithmetic() {
  volatile float small = 0x1p-126f;
  volatile float half = small * 0.5f;
  return half * 2 == small && std::fegetround() == FE_TONEAREST;
}

}  // namespace gonka::engine::kernels
#endif  // HWY_ONCE
