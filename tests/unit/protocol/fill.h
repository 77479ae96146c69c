#pragma once

// A value for every field of any record, all different, found through the record's field list: so
// that a test covers fields that are added later, too.

#include "gonka/base/codec.h"

namespace gonka::testing_protocol {

class Filler {
 public:
  template <class T>
  T Make() {
    T value{};
    Fill(value);
    return value;
  }

  template <class T>
  void Fill(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = Next() % 2 == 0;
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(Next() * 0x0101'0101'0101'0101 + 7);
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(Next() % kEnumEnd<T>);
    } else if constexpr (std::is_same_v<T, Amount>) {
      value = Amount(Next() * 1'000'003);
    } else if constexpr (std::is_same_v<T, Ppm> || codec::IsStrong<T>::value) {
      Fill(value.value);
    } else if constexpr (codec::IsFixed<T>::value) {
      for (uint8_t& byte : value.bytes) byte = static_cast<uint8_t>(Next());
    } else if constexpr (codec::IsBounded<T>) {
      FillElements(value);
    } else if constexpr (codec::IsOptional<T>::value) {
      Fill(value.emplace());
    } else if constexpr (codec::IsVariant<T>::value) {
      FillAlternative(value, Next() % std::variant_size_v<T>);
    } else {
      T::VisitFields([&](const auto&... field) { (Fill(value.*field.member), ...); });
    }
  }

  template <class Variant, size_t I = 0>
  void FillAlternative(Variant& value, size_t index) {
    if constexpr (I < std::variant_size_v<Variant>) {
      if (index == I) return Fill(value.template emplace<I>());
      FillAlternative<Variant, I + 1>(value, index);
    }
  }

 private:
  uint64_t Next() { return ++count_; }

  template <class T>
  void FillElements(T& value) {
    if constexpr (sizeof(typename T::value_type) == 1) {
      for (int i = 0; i < 3; ++i) value.push_back(static_cast<char>('a' + Next() % 26));
    } else {
      for (int i = 0; i < 2; ++i) Fill(value.emplace_back());
    }
  }

  uint64_t count_ = 0;
};

}  // namespace gonka::testing_protocol
