#pragma once

// The JSON view of a record, from its field list: hashes, ids, keys and blobs as lower-case hex,
// all integers and amounts as numbers, optionals as null, variants as {"kind": ..., fields...}.
// Only for looking: nothing is ever parsed back from it.

#include <string>
#include <string_view>

#include "gonka/base/codec.h"

namespace gonka {

// text with quotes around it and JSON's escapes inside; bytes that are not UTF-8 become U+FFFD.
std::string JsonQuote(std::string_view text);

// An enum prints as the name that a function `const char* NameOf(E)` beside it gives, otherwise as
// its number in quotes.
template <class E>
std::string EnumText(E value) {
  if constexpr (requires { NameOf(value); }) {
    return NameOf(value);
  } else {
    return std::to_string(static_cast<uint64_t>(value));
  }
}

template <class T>
void AppendJson(std::string& out, const T& value);

namespace codec {

template <class T>
void AppendFields(std::string& out, const T& value, bool first) {
  const auto append = [&](const auto& field) {
    if (!first) out += ',';
    first = false;
    out += JsonQuote(field.name);
    out += ':';
    AppendJson(out, value.*field.member);
  };
  T::VisitFields([&](const auto&... field) { (append(field), ...); });
}

}  // namespace codec

template <class T>
void AppendJson(std::string& out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_integral_v<T>) {
    out += std::to_string(value);
  } else if constexpr (std::is_enum_v<T>) {
    out += JsonQuote(EnumText(value));
  } else if constexpr (std::is_same_v<T, Amount>) {
    out += std::to_string(value.units());
  } else if constexpr (std::is_same_v<T, Ppm> || codec::IsStrong<T>::value) {
    AppendJson(out, value.value);
  } else if constexpr (codec::IsFixed<T>::value) {
    out += JsonQuote(Hex(value));
  } else if constexpr (codec::IsMap<T>) {
    out += '[';
    bool first = true;
    for (const auto& [key, mapped] : value) {
      if (!first) out += ',';
      first = false;
      out += '[';
      AppendJson(out, key);
      out += ',';
      AppendJson(out, mapped);
      out += ']';
    }
    out += ']';
  } else if constexpr (codec::IsBounded<T>) {
    if constexpr (std::is_same_v<typename T::Base, std::string>) {
      out += JsonQuote(value);
    } else if constexpr (std::is_same_v<typename T::Base, Bytes>) {
      out += JsonQuote(Hex(value));
    } else {
      out += '[';
      for (size_t i = 0; i < value.size(); ++i) {
        if (i > 0) out += ',';
        AppendJson(out, value[i]);
      }
      out += ']';
    }
  } else if constexpr (codec::IsOptional<T>::value) {
    if (value) {
      AppendJson(out, *value);
    } else {
      out += "null";
    }
  } else if constexpr (codec::IsVariant<T>::value) {
    std::visit(
        [&](const auto& alternative) {
          out += "{\"kind\":";
          out += JsonQuote(alternative.kName);
          codec::AppendFields(out, alternative, false);
          out += '}';
        },
        value);
  } else {
    static_assert(codec::Record<T>, "no JSON for this type");
    out += '{';
    codec::AppendFields(out, value, true);
    out += '}';
  }
}

template <class T>
std::string ToJson(const T& value) {
  std::string out;
  AppendJson(out, value);
  return out;
}

}  // namespace gonka
