#include "nfc.h"

#include <utf8proc.h>

#include <algorithm>
#include <vector>

#include "utf8.h"

namespace gonka::model {
namespace {

constexpr auto kOptions =
    static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPOSE);

int ClassOf(utf8proc_int32_t code) {
  return utf8proc_get_property(code)->combining_class;
}

std::vector<utf8proc_int32_t> Decompose(std::string_view text) {
  std::vector<utf8proc_int32_t> codes;
  codes.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char next = ReadUtf8(text);
    text.remove_prefix(next.length);
    utf8proc_int32_t parts[8];  // No character has more than four.
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(next.code), parts, 8,
                                               kOptions, nullptr);
    if (count > 0 && count <= 8) codes.insert(codes.end(), parts, parts + count);
  }
  return codes;
}

}  // namespace

std::string ComposeNfc(std::string_view text) {
  std::vector<utf8proc_int32_t> codes = Decompose(text);
  // Marks in order of their class. utf8proc would do it, too, but in quadratic time.
  for (auto at = codes.begin(); at != codes.end();) {
    const auto begin = std::find_if(at, codes.end(), [](auto c) { return ClassOf(c) != 0; });
    at = std::find_if(begin, codes.end(), [](auto c) { return ClassOf(c) == 0; });
    std::stable_sort(begin, at, [](auto a, auto b) { return ClassOf(a) < ClassOf(b); });
  }
  const auto length =
      utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  std::string composed;
  composed.reserve(text.size());
  for (utf8proc_ssize_t i = 0; i < length; ++i) {
    AppendUtf8(composed, static_cast<char32_t>(codes[static_cast<size_t>(i)]));
  }
  return composed;
}

}  // namespace gonka::model
