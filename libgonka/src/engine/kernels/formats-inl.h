// How each format's weights become fp32 in registers, step by step along the inputs. Included once
// per instruction set.
//
// A format says how many inputs one Load covers (kStep), loads them for vector v of the panel, and
// gives input i of the step. Grouped ones give the group's scale and minimum, too.

#if defined(GONKA_KERNELS_FORMATS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef GONKA_KERNELS_FORMATS_INL_H_
#undef GONKA_KERNELS_FORMATS_INL_H_
#else
#define GONKA_KERNELS_FORMATS_INL_H_
#endif

#include "engine/kernels/vector-inl.h"

HWY_BEFORE_NAMESPACE();
namespace gonka::engine::kernels {
namespace HWY_NAMESPACE {

HWY_INLINE VF HalvesAt(const uint8_t* halves, size_t v) {
  const hn::Rebind<hwy::float16_t, DF> dh;
  const auto* p = reinterpret_cast<const hwy::float16_t*>(halves);
  return hn::PromoteTo(DF(), hn::LoadU(dh, p + v * kWidth));
}
HWY_INLINE VF SmallNumbersAt(const uint8_t* bytes, size_t v) {
  const hn::Rebind<uint8_t, DF> du8;
  return hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::LoadU(du8, bytes + v * kWidth)));
}
HWY_INLINE VU WordsAt(const uint8_t* words, size_t row, size_t v) {
  const auto* p = reinterpret_cast<const uint32_t*>(words);
  return hn::LoadU(DU(), p + row * kPanel + v * kWidth);
}

template <Format kFormat>
struct Weights;

struct Ungrouped {
  static constexpr bool kGrouped = false;
  static constexpr bool kMinimum = false;
  static HWY_INLINE VF Scale(const uint8_t*, size_t, size_t, size_t) { return hn::Zero(DF()); }
  static HWY_INLINE VF Minimum(const uint8_t*, size_t, size_t, size_t) { return hn::Zero(DF()); }
};

template <>
struct Weights<Format::kF32> : Ungrouped {
  static constexpr size_t kStep = 1;
  using Words = VF;
  static HWY_INLINE Words Load(const uint8_t* values, size_t k, size_t v) {
    const auto* p = reinterpret_cast<const float*>(values);
    return hn::LoadU(DF(), p + k * kPanel + v * kWidth);
  }
  template <size_t I>
  static HWY_INLINE VF Get(Words words) {
    return words;
  }
};

template <>
struct Weights<Format::kBf16> : Ungrouped {
  static constexpr size_t kStep = 2;
  using Words = VU;
  static HWY_INLINE Words Load(const uint8_t* values, size_t k, size_t v) {
    return WordsAt(values, k / 2, v);
  }
  template <size_t I>
  static HWY_INLINE VF Get(Words words) {
    if constexpr (I == 0) return hn::BitCast(DF(), hn::ShiftLeft<16>(words));
    return hn::BitCast(DF(), hn::And(words, hn::Set(DU(), 0xFFFF0000u)));
  }
};

struct Bytes8 {
  static constexpr size_t kStep = 1;
  using Words = VF;
  static HWY_INLINE Words Load(const uint8_t* values, size_t k, size_t v) {
    const hn::Rebind<int8_t, DF> di8;
    const auto* p = reinterpret_cast<const int8_t*>(values);
    return hn::ConvertTo(DF(), hn::PromoteTo(DI(), hn::LoadU(di8, p + k * kPanel + v * kWidth)));
  }
  template <size_t I>
  static HWY_INLINE VF Get(Words words) {
    return words;
  }
};

template <>
struct Weights<Format::kInt8> : Bytes8, Ungrouped {};

struct Grouped {
  static constexpr bool kGrouped = true;
  static constexpr bool kMinimum = false;
  static HWY_INLINE VF Scale(const uint8_t* block, size_t, size_t group, size_t v) {
    return HalvesAt(block + group * kPanel * 2, v);
  }
  static HWY_INLINE VF Minimum(const uint8_t*, size_t, size_t, size_t) { return hn::Zero(DF()); }
};

template <>
struct Weights<Format::kQ8_0> : Bytes8, Grouped {};

template <bool kSigned>
struct Nibbles {
  static constexpr size_t kStep = 8;
  using Words = VU;
  static HWY_INLINE Words Load(const uint8_t* values, size_t k, size_t v) {
    return WordsAt(values, k / 8, v);
  }
  template <size_t I>
  static HWY_INLINE VF Get(Words words) {
    if constexpr (kSigned) {
      const auto top = hn::BitCast(DI(), hn::ShiftLeft<28 - 4 * I>(words));
      return hn::ConvertTo(DF(), hn::ShiftRight<28>(top));
    } else {
      const VU low = hn::And(hn::ShiftRight<4 * I>(words), hn::Set(DU(), 15u));
      return hn::ConvertTo(DF(), hn::BitCast(DI(), low));
    }
  }
};

template <>
struct Weights<Format::kQ4_0> : Nibbles<true>, Grouped {};

template <>
struct Weights<Format::kQ4_1> : Nibbles<false>, Grouped {
  static constexpr bool kMinimum = true;
  static HWY_INLINE VF Minimum(const uint8_t* block, size_t groups, size_t group, size_t v) {
    return HalvesAt(block + (groups + group) * kPanel * 2, v);
  }
};

template <>
struct Weights<Format::kQ4_K> : Nibbles<false> {
  static constexpr bool kGrouped = true;
  static constexpr bool kMinimum = true;
  static HWY_INLINE VF Scale(const uint8_t* block, size_t, size_t group, size_t v) {
    return hn::Mul(HalvesAt(block, v), SmallNumbersAt(block + (4 + group) * kPanel, v));
  }
  static HWY_INLINE VF Minimum(const uint8_t* block, size_t groups, size_t group, size_t v) {
    const VF m = hn::Mul(HalvesAt(block + kPanel * 2, v),
                         SmallNumbersAt(block + (4 + groups + group) * kPanel, v));
    return hn::Xor(m, hn::Set(DF(), -0.0f));
  }
};

// A block that was widened into a buffer: scales, minima, then fp32 values.
inline constexpr size_t kWideScales = 2 * kGroupsMax * kPanel * sizeof(float);
inline constexpr size_t kWideBytes = kWideScales + kBlock * kPanel * sizeof(float);

template <bool kHasMinimum>
struct WideGroups : Weights<Format::kF32> {
  static constexpr bool kGrouped = true;
  static constexpr bool kMinimum = kHasMinimum;
  static HWY_INLINE VF Scale(const uint8_t* block, size_t, size_t group, size_t v) {
    return Weights<Format::kF32>::Load(block, group, v);
  }
  static HWY_INLINE VF Minimum(const uint8_t* block, size_t, size_t group, size_t v) {
    return Weights<Format::kF32>::Load(block, kGroupsMax + group, v);
  }
};

}  // namespace HWY_NAMESPACE
}  // namespace gonka::engine::kernels
HWY_AFTER_NAMESPACE();
#endif
