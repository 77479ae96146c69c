#include "normalizer.h"

#include <algorithm>

#include "nfc.h"
#include "utf8.h"

namespace gonka::model {
namespace {

// Answers questions about ascending places in a text.
class Trust {
 public:
  explicit Trust(const MarkedText& text) : ranges_(text.trusted) {}

  // How far the trusted bytes go that begin at or before `at`; `at` if it is not trusted.
  size_t EndAt(size_t at) {
    while (next_ < ranges_.size() && ranges_[next_].end <= at) ++next_;
    return next_ < ranges_.size() && ranges_[next_].begin <= at ? ranges_[next_].end : at;
  }

 private:
  const std::vector<ByteRange>& ranges_;
  size_t next_ = 0;
};

void Append(MarkedText& out, std::string_view text, bool trusted) {
  if (text.empty()) return;
  const size_t begin = out.text.size();
  out.text += text;
  if (!trusted) return;
  if (!out.trusted.empty() && out.trusted.back().end == begin) {
    out.trusted.back().end = out.text.size();
  } else {
    out.trusted.push_back({begin, out.text.size()});
  }
}

bool IsAscii(char c) {
  return static_cast<uint8_t>(c) < 0x80;
}

// Where the next ASCII character is, which never joins what stands before it.
size_t NextAscii(std::string_view text, size_t at) {
  while (at < text.size() && !IsAscii(text[at])) ++at;
  return at;
}

void CutEnd(MarkedText& text, size_t size) {
  text.text.resize(size);
  while (!text.trusted.empty() && text.trusted.back().begin >= size) text.trusted.pop_back();
  if (!text.trusted.empty()) text.trusted.back().end = std::min(text.trusted.back().end, size);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const Normalizer>> Normalizer::Create(const TokenizerSpec& spec) {
  auto normalizer = std::make_unique<Normalizer>();
  normalizer->is_nfc_ = spec.is_nfc;
  normalizer->has_pieces_ = spec.model != TokenizerModel::kBytePairs;
  normalizer->rules_ = spec.rules;
  if (!spec.rules.charsmap.empty()) {
    GONKA_ASSIGN_OR_RETURN(normalizer->charsmap_, Charsmap::Parse(spec.rules.charsmap));
  }
  return std::unique_ptr<const Normalizer>(std::move(normalizer));
}

MarkedText Normalizer::Apply(const MarkedText& text, bool at_start, const TokenTrie& keep) const {
  if (is_nfc_) return Compose(text);
  return has_pieces_ ? MarkSpaces(text, at_start, keep) : text;
}

// An ASCII character and what follows up to the next one are composed by themselves.
MarkedText Normalizer::Compose(const MarkedText& text) const {
  const std::string_view all = text.text;
  Trust trust(text);
  MarkedText out;
  for (size_t at = 0; at < all.size();) {
    const bool has_base = IsAscii(all[at]);
    const size_t end = NextAscii(all, has_base ? at + 1 : at);
    const std::string_view raw = all.substr(at, end - at);
    const std::string composed = raw.size() == 1 ? std::string(raw) : ComposeNfc(raw);
    std::string_view rest = composed;
    if (has_base && rest[0] == raw[0]) {  // The base is still there.
      Append(out, rest.substr(0, 1), trust.EndAt(at) > at);
      rest.remove_prefix(1);
      ++at;
    }
    if (rest == all.substr(at, end - at)) {
      while (at < end) {  // Nothing has changed.
        const bool trusted = trust.EndAt(at) > at;
        const Utf8Char next = ReadUtf8(all.substr(at));
        const bool whole = trusted && trust.EndAt(at) >= at + next.length;
        Append(out, all.substr(at, next.length), whole);
        at += next.length;
      }
    } else {
      Append(out, rest, trust.EndAt(at) >= end);
      at = end;
    }
  }
  return out;
}

MarkedText Normalizer::MarkSpaces(const MarkedText& text, bool at_start,
                                  const TokenTrie& keep) const {
  const std::string_view all = text.text;
  Trust trust(text);
  MarkedText out;
  bool has_prefix =
      rules_.prefix == SpacePrefix::kNone || (rules_.prefix == SpacePrefix::kFirst && !at_start);
  bool after_space = rules_.trim_spaces;
  for (size_t at = 0; at < all.size();) {
    const size_t trusted_end = trust.EndAt(at);
    const std::string_view rest = all.substr(at);
    std::string_view piece;
    size_t length = 0;
    const auto kept = keep.MatchAt(all.substr(at, trusted_end - at));
    if (kept) {
      length = kept->length;
      piece = rest.substr(0, length);
    } else if (const auto match = charsmap_ ? charsmap_->MatchAt(rest) : std::nullopt) {
      length = match->length;
      piece = match->replacement;
    } else {
      length = ReadUtf8(rest).length;
      piece = rest.substr(0, length);
    }
    const bool trusted = trusted_end >= at + length;
    at += length;
    const bool is_nothing = piece.empty();
    while (after_space && piece.starts_with(' ')) piece.remove_prefix(1);
    if (piece.empty() && !is_nothing) continue;
    if (!has_prefix) {
      const bool starts_with_space = piece.starts_with(' ') || piece.starts_with(kSpaceMark);
      if (!(rules_.prefix_unless_space && starts_with_space)) Append(out, kSpaceMark, trusted);
      has_prefix = true;
    }
    if (!is_nothing) after_space = rules_.trim_spaces && piece.ends_with(' ');
    for (size_t i = 0; i < piece.size(); ++i) {
      Append(out, piece[i] == ' ' ? kSpaceMark : piece.substr(i, 1), trusted);
    }
  }
  size_t end = out.text.size();
  while (rules_.trim_spaces && std::string_view(out.text).substr(0, end).ends_with(kSpaceMark)) {
    end -= kSpaceMark.size();
  }
  CutEnd(out, end);
  return out;
}

}  // namespace gonka::model
