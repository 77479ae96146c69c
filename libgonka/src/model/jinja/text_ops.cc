#include "text_ops.h"

#include "model/utf8.h"

namespace gonka::model::jinja {
namespace {

bool IsPythonSpace(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

bool IsUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool IsLower(char c) {
  return c >= 'a' && c <= 'z';
}
bool IsWordByte(char c) {
  return IsUpper(c) || IsLower(c) || (c >= '0' && c <= '9') || static_cast<uint8_t>(c) >= 0x80;
}

char ToUpper(char c) {
  return IsLower(c) ? static_cast<char>(c - 32) : c;
}
char ToLower(char c) {
  return IsUpper(c) ? static_cast<char>(c + 32) : c;
}

bool IsStripped(std::string_view character, std::optional<std::string_view> chars) {
  // All strings are UTF-8, so a character can only be found as a whole.
  if (chars) return chars->find(character) != std::string_view::npos;
  return IsPythonSpace(ReadUtf8(character).code);
}

}  // namespace

std::vector<size_t> CharOffsets(std::string_view text) {
  std::vector<size_t> offsets;
  for (size_t at = 0; at < text.size(); at += ReadUtf8(text.substr(at)).length) {
    offsets.push_back(at);
  }
  offsets.push_back(text.size());
  return offsets;
}

size_t CharCount(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<uint8_t>(c) & 0xC0) != 0x80 ? 1 : 0;
  return count;
}

Str Strip(const Str& text, std::optional<std::string_view> chars, bool left, bool right) {
  const std::string_view all = text.text;
  size_t begin = 0;
  size_t end = all.size();
  while (left && begin < end) {
    const size_t length = ReadUtf8(all.substr(begin)).length;
    if (!IsStripped(all.substr(begin, length), chars)) break;
    begin += length;
  }
  while (right && end > begin) {
    size_t last = end - 1;
    while (last > begin && (static_cast<uint8_t>(all[last]) & 0xC0) == 0x80) --last;
    if (!IsStripped(all.substr(last, end - last), chars)) break;
    end = last;
  }
  return text.Sub(begin, end - begin);
}

std::vector<Str> Split(const Str& text, std::optional<std::string_view> separator,
                       int64_t splits_max) {
  std::vector<Str> parts;
  const std::string_view all = text.text;
  size_t begin = 0;
  if (separator) {
    for (size_t found = all.find(*separator); found != std::string_view::npos && splits_max != 0;
         --splits_max) {
      parts.push_back(text.Sub(begin, found - begin));
      begin = found + separator->size();
      found = all.find(*separator, begin);
    }
    parts.push_back(text.Sub(begin, all.size() - begin));
    return parts;
  }
  Str rest = Strip(text, std::nullopt, true, splits_max < 0);
  const std::vector<size_t> offsets = CharOffsets(rest.text);
  for (size_t i = 0; i + 1 < offsets.size(); ++i) {
    const std::string_view character =
        std::string_view(rest.text).substr(offsets[i], offsets[i + 1] - offsets[i]);
    if (!IsStripped(character, std::nullopt)) continue;
    if (offsets[i] > begin && splits_max != 0) {
      parts.push_back(rest.Sub(begin, offsets[i] - begin));
      --splits_max;
      begin = offsets[i];
    }
    // What follows the last split keeps its inner whitespace, but not that in front of it.
    if (offsets[i] == begin) begin = offsets[i + 1];
  }
  if (begin < rest.size()) parts.push_back(rest.Sub(begin, rest.size() - begin));
  return parts;
}

std::vector<Str> SplitLines(const Str& text) {
  std::vector<Str> lines;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.text.find_first_of("\r\n", begin), text.size());
    lines.push_back(text.Sub(begin, end - begin));
    begin = end + (text.text.compare(end, 2, "\r\n") == 0 ? 2 : 1);
  }
  return lines;
}

Str Replace(const Str& text, std::string_view old, const Str& replacement, int64_t count_max) {
  Str out;
  size_t begin = 0;
  for (size_t found = text.text.find(old); found != std::string::npos && count_max != 0;
       --count_max) {
    out.Append(text.Sub(begin, found - begin));
    out.Append(replacement);
    begin = found + old.size();
    found = text.text.find(old, begin);
  }
  out.Append(text.Sub(begin, text.size() - begin));
  return out;
}

Str Upper(Str text) {
  for (char& c : text.text) c = ToUpper(c);
  return text;
}

Str Lower(Str text) {
  for (char& c : text.text) c = ToLower(c);
  return text;
}

Str Capitalize(Str text) {
  text = Lower(std::move(text));
  if (!text.text.empty()) text.text[0] = ToUpper(text.text[0]);
  return text;
}

Str Title(Str text) {
  bool in_word = false;
  for (char& c : text.text) {
    c = in_word ? ToLower(c) : ToUpper(c);
    in_word = IsWordByte(c);
  }
  return text;
}

Str Indent(const Str& text, std::string_view indentation, bool first, bool blank) {
  const Str space = Str::Trusted(indentation);
  Str out;
  size_t begin = 0;
  while (begin <= text.size()) {
    const size_t newline = text.text.find('\n', begin);
    const size_t end = newline == std::string::npos ? text.size() : newline;
    const bool is_first = begin == 0;
    if (is_first ? first : (blank || end > begin)) out.Append(space);
    out.Append(text.Sub(begin, end - begin));
    if (newline == std::string::npos) break;
    out.Append(text.Sub(newline, 1));
    begin = newline + 1;
  }
  return out;
}

}  // namespace gonka::model::jinja
