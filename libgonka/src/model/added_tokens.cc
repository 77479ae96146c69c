#include "added_tokens.h"

#include <algorithm>

#include "utf8.h"

namespace gonka::model {
namespace {

// Where the spaces at the end of text begin.
size_t SpacesBegin(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t begin = end - 1;
    while (begin > 0 && (static_cast<uint8_t>(text[begin]) & 0xC0) == 0x80) --begin;
    if (!IsSpace(ReadUtf8(text.substr(begin, end - begin)).code)) break;
    end = begin;
  }
  return end;
}

// Where the spaces at the start of text end.
size_t SpacesEnd(std::string_view text) {
  size_t end = 0;
  while (end < text.size()) {
    const Utf8Char next = ReadUtf8(text.substr(end));
    if (!IsSpace(next.code)) break;
    end += next.length;
  }
  return end;
}

}  // namespace

void AddedTokens::Add(std::string_view text, uint32_t id, bool strip_left, bool strip_right) {
  trie_.Add(text, id);
  if (strip_left || strip_right) strips_[id] = {strip_left, strip_right};
}

absl::Status AddedTokens::Cut(std::string_view text, std::span<const ByteRange> trusted,
                              const std::function<absl::Status(ByteRange)>& on_text,
                              const std::function<void(uint32_t id)>& on_token) const {
  size_t done = 0;  // Everything before has been handed on.
  for (const ByteRange& range : trusted) {
    for (size_t at = std::max(range.begin, done); at < range.end;) {
      const auto match = trie_.MatchAt(text.substr(at, range.end - at));
      if (!match) {
        ++at;
        continue;
      }
      size_t begin = at;
      size_t end = at + match->length;
      const auto strip = strips_.find(match->id);
      if (strip != strips_.end() && strip->second.left) {
        begin = done + SpacesBegin(text.substr(done, begin - done));
      }
      if (strip != strips_.end() && strip->second.right) end += SpacesEnd(text.substr(end));
      if (begin > done) GONKA_RETURN_IF_ERROR(on_text({done, begin}));
      on_token(match->id);
      at = done = end;
    }
  }
  return done < text.size() ? on_text({done, text.size()}) : absl::OkStatus();
}

}  // namespace gonka::model
