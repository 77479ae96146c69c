#pragma once

// Python's string operations, on strings that carry their taint. Characters are code points. Case
// is changed for ASCII letters only.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "value.h"

namespace gonka::model::jinja {

// Where each character starts, and the end.
std::vector<size_t> CharOffsets(std::string_view text);
size_t CharCount(std::string_view text);

// chars: the set to strip, Python's whitespace where there is none.
Str Strip(const Str& text, std::optional<std::string_view> chars, bool left, bool right);
// By whitespace where there is no separator. splits_max < 0: no limit. separator is not empty.
std::vector<Str> Split(const Str& text, std::optional<std::string_view> separator,
                       int64_t splits_max);
std::vector<Str> SplitLines(const Str& text);
// old is not empty.
Str Replace(const Str& text, std::string_view old, const Str& replacement, int64_t count_max);
Str Upper(Str text);
Str Lower(Str text);
Str Capitalize(Str text);
Str Title(Str text);
// Jinja's indent filter.
Str Indent(const Str& text, std::string_view indentation, bool first, bool blank);

}  // namespace gonka::model::jinja
