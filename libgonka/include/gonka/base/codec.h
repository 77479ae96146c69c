#pragma once

// One encoding per value. A record lists its fields once:
//
//   struct Delivered {
//     InferenceId inference_id;
//     Hash output_digest;
//     GONKA_FIELDS(Delivered, inference_id, output_digest)  // wire order
//   };
//
// and encoding, decoding, equality and JSON follow. Integers are little-endian and full width;
// strings, blobs, lists and maps carry a u32 count and a bound; a map's keys ascend; optionals and
// variants carry a one-byte tag; enums must be below their kEnumEnd. A top-level record
// (static constexpr RecordKind kKind) is preceded by u16 kind and u8 version.
//
// For every byte string that Decode accepts, Encode gives the same bytes back.

#include <array>
#include <concepts>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "gonka/base/amount.h"
#include "gonka/base/bytes.h"
#include "gonka/base/status.h"

namespace gonka {

struct RecordKind {
  uint16_t kind;
  uint8_t version;
};

template <class Class, class Member>
struct Field {
  const char* name;
  Member Class::*member;
};
// Clang before 17 has to be told.
template <class Class, class Member>
Field(const char*, Member Class::*) -> Field<Class, Member>;

// A string, vector or map of at most Max elements. The bound is the codec's: encoding a longer one
// is our mistake, decoding one is refused.
template <class Container, size_t Max>
struct Bounded : Container {
  static constexpr size_t kMax = Max;
  using Base = Container;
  using Container::Container;
  Bounded() = default;
  Bounded(Container container) : Container(std::move(container)) {}
  friend bool operator==(const Bounded& a, const Bounded& b) {
    return static_cast<const Container&>(a) == static_cast<const Container&>(b);
  }
};
template <size_t Max>
using Text = Bounded<std::string, Max>;
template <size_t Max>
using Blob = Bounded<Bytes, Max>;
template <class T, size_t Max>
using List = Bounded<std::vector<T>, Max>;

// Specialise for every enum that is encoded: values from 0 to kEnumEnd - 1 are valid.
template <class E>
inline constexpr uint64_t kEnumEnd = 0;

// Most encodings are short: they are made in place, and allocated once, in their size.
class Writer {
 public:
  Writer() = default;
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void Raw(ByteSpan bytes) {
    if (!bytes.empty()) std::memcpy(Extend(bytes.size()), bytes.data(), bytes.size());
  }
  void U8(uint8_t value) { *Extend(1) = value; }
  template <std::unsigned_integral T>
  void Int(T value) {
    uint8_t* out = Extend(sizeof(T));
    for (size_t i = 0; i < sizeof(T); ++i) out[i] = static_cast<uint8_t>(value >> (8 * i));
  }
  // What was written, and nothing is there any more.
  Bytes Take();

 private:
  uint8_t* Extend(size_t size) {
    if (size > capacity_ - size_) Grow(size);
    uint8_t* end = data_ + size_;
    size_ += size;
    return end;
  }
  void Grow(size_t size);

  std::array<uint8_t, 1024> short_;  // Not initialised.
  Bytes long_;
  uint8_t* data_ = short_.data();
  size_t size_ = 0;
  size_t capacity_ = short_.size();
};

class Reader {
 public:
  explicit Reader(ByteSpan in) : in_(in) {}
  size_t remaining() const { return in_.size(); }
  bool failed() const { return failed_; }
  void Fail() { failed_ = true; }
  // Empty, and failed, where fewer bytes are left.
  ByteSpan Raw(size_t size);
  template <std::unsigned_integral T>
  T Int() {
    const ByteSpan raw = Raw(sizeof(T));
    if (raw.empty()) return 0;
    T value = 0;
    for (size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | T{raw[i]} << (8 * i));
    return value;
  }

 private:
  ByteSpan in_;
  bool failed_ = false;
};

namespace codec {

template <class T>
concept Record = requires { typename T::RecordType; };
template <class T>
concept TopLevel = Record<T> && requires { T::kKind.kind; };

template <class T>
struct IsStrong : std::false_type {};
template <class Tag, class T>
struct IsStrong<Strong<Tag, T>> : std::true_type {};
template <class T>
struct IsFixed : std::false_type {};
template <size_t N>
struct IsFixed<FixedBytes<N>> : std::true_type {};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsVariant : std::false_type {};
template <class... T>
struct IsVariant<std::variant<T...>> : std::true_type {};
template <class T>
concept IsBounded = requires {
  T::kMax;
  typename T::Base;
};
template <class T>
concept IsMap = IsBounded<T> && requires { typename T::mapped_type; };

template <class T>
void Write(Writer& out, const T& value);
template <class T>
void Read(Reader& in, T& value);

template <class T>
void WriteBounded(Writer& out, const T& value) {
  GONKA_CHECK(value.size() <= T::kMax);
  out.Int(static_cast<uint32_t>(value.size()));
  if constexpr (IsMap<T>) {
    for (const auto& [key, mapped] : value) {
      Write(out, key);
      Write(out, mapped);
    }
  } else if constexpr (sizeof(typename T::value_type) == 1) {
    out.Raw({reinterpret_cast<const uint8_t*>(value.data()), value.size()});
  } else {
    for (const auto& element : value) Write(out, element);
  }
}

template <class T>
void ReadBounded(Reader& in, T& value) {
  const uint32_t count = in.Int<uint32_t>();
  // Every element takes at least one byte, so a count beyond the input is refused before
  // allocating.
  if (in.failed() || count > T::kMax || count > in.remaining()) return in.Fail();
  if constexpr (IsMap<T>) {
    for (uint32_t i = 0; i < count && !in.failed(); ++i) {
      typename T::key_type key{};
      Read(in, key);
      if (!value.empty() && !(value.rbegin()->first < key)) return in.Fail();
      Read(in, value[key]);
    }
  } else if constexpr (sizeof(typename T::value_type) == 1) {
    const ByteSpan raw = in.Raw(count);
    value.assign(raw.begin(), raw.end());
  } else {
    for (uint32_t i = 0; i < count && !in.failed(); ++i) Read(in, value.emplace_back());
  }
}

template <class Variant, size_t I = 0>
void ReadAlternative(Reader& in, Variant& value, size_t tag) {
  if constexpr (I < std::variant_size_v<Variant>) {
    if (tag == I) return Read(in, value.template emplace<I>());
    ReadAlternative<Variant, I + 1>(in, value, tag);
  } else {
    in.Fail();
  }
}

template <class T>
void Write(Writer& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    out.U8(value ? 1 : 0);
  } else if constexpr (std::is_unsigned_v<T>) {
    out.Int(value);
  } else if constexpr (std::is_integral_v<T>) {
    out.Int(static_cast<std::make_unsigned_t<T>>(value));
  } else if constexpr (std::is_enum_v<T>) {
    GONKA_CHECK(static_cast<uint64_t>(value) < kEnumEnd<T>);
    out.Int(static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::is_same_v<T, Amount>) {
    out.Int(value.units());
  } else if constexpr (std::is_same_v<T, Ppm> || IsStrong<T>::value) {
    Write(out, value.value);
  } else if constexpr (IsFixed<T>::value) {
    out.Raw(value.span());
  } else if constexpr (IsBounded<T>) {
    WriteBounded(out, value);
  } else if constexpr (IsOptional<T>::value) {
    out.U8(value.has_value() ? 1 : 0);
    if (value) Write(out, *value);
  } else if constexpr (IsVariant<T>::value) {
    out.U8(static_cast<uint8_t>(value.index()));
    std::visit([&](const auto& alternative) { Write(out, alternative); }, value);
  } else {
    static_assert(Record<T>, "no encoding for this type");
    T::VisitFields([&](const auto&... field) { (Write(out, value.*field.member), ...); });
  }
}

template <class T>
void Read(Reader& in, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    const uint8_t byte = in.Int<uint8_t>();
    if (byte > 1) in.Fail();
    value = byte == 1;
  } else if constexpr (std::is_integral_v<T>) {
    value = static_cast<T>(in.Int<std::make_unsigned_t<T>>());
  } else if constexpr (std::is_enum_v<T>) {
    const auto raw = in.Int<std::underlying_type_t<T>>();
    if (raw >= kEnumEnd<T>) return in.Fail();
    value = static_cast<T>(raw);
  } else if constexpr (std::is_same_v<T, Amount>) {
    const uint64_t units = in.Int<uint64_t>();
    if (units > Amount::kMax) return in.Fail();
    value = Amount(units);
  } else if constexpr (std::is_same_v<T, Ppm> || IsStrong<T>::value) {
    Read(in, value.value);
  } else if constexpr (IsFixed<T>::value) {
    const ByteSpan raw = in.Raw(T::kSize);
    std::copy(raw.begin(), raw.end(), value.bytes.begin());
  } else if constexpr (IsBounded<T>) {
    ReadBounded(in, value);
  } else if constexpr (IsOptional<T>::value) {
    const uint8_t tag = in.Int<uint8_t>();
    if (tag > 1) return in.Fail();
    if (tag == 1) Read(in, value.emplace());
  } else if constexpr (IsVariant<T>::value) {
    ReadAlternative(in, value, in.Int<uint8_t>());
  } else {
    static_assert(Record<T>, "no encoding for this type");
    T::VisitFields([&](const auto&... field) { (Read(in, value.*field.member), ...); });
  }
}

}  // namespace codec

template <class T>
Bytes Encode(const T& value) {
  Writer out;
  if constexpr (codec::TopLevel<T>) {
    out.Int(T::kKind.kind);
    out.Int(T::kKind.version);
  }
  codec::Write(out, value);
  return out.Take();
}

// Refuses everything but the one encoding: bad bounds, unknown tags, unsorted maps, short input and
// trailing bytes.
template <class T>
absl::StatusOr<T> Decode(ByteSpan bytes) {
  Reader in(bytes);
  if constexpr (codec::TopLevel<T>) {
    const uint16_t kind = in.Int<uint16_t>();
    const uint8_t version = in.Int<uint8_t>();
    if (in.failed() || kind != T::kKind.kind || version != T::kKind.version) {
      return absl::InvalidArgumentError("record has another kind or version");
    }
  }
  T value{};
  codec::Read(in, value);
  if (in.failed()) return absl::InvalidArgumentError("record is malformed");
  if (in.remaining() != 0) return absl::InvalidArgumentError("record has trailing bytes");
  return value;
}

}  // namespace gonka

#define GONKA_PARENS ()
#define GONKA_EXPAND(...) GONKA_EXPAND3(GONKA_EXPAND3(GONKA_EXPAND3(__VA_ARGS__)))
#define GONKA_EXPAND3(...) GONKA_EXPAND2(GONKA_EXPAND2(GONKA_EXPAND2(__VA_ARGS__)))
#define GONKA_EXPAND2(...) GONKA_EXPAND1(GONKA_EXPAND1(GONKA_EXPAND1(__VA_ARGS__)))
#define GONKA_EXPAND1(...) __VA_ARGS__
#define GONKA_FIELDS_STEP(Type, name, ...) \
  ::gonka::Field{#name,                    \
                 &Type::name} __VA_OPT__(, GONKA_FIELDS_AGAIN GONKA_PARENS(Type, __VA_ARGS__))
#define GONKA_FIELDS_AGAIN() GONKA_FIELDS_STEP

// Names a record's fields once, in wire order. At most 27 of them. T::VisitFields(visit) is
// visit(Field...); no tuple holds them, which would cost every file that sees the record.
#define GONKA_FIELDS(Type, ...)                                            \
  using RecordType = Type;                                                 \
  template <class Visit>                                                   \
  static constexpr void VisitFields(const Visit& visit) {                  \
    visit(__VA_OPT__(GONKA_EXPAND(GONKA_FIELDS_STEP(Type, __VA_ARGS__)))); \
  }                                                                        \
  friend bool operator==(const Type&, const Type&) = default;
