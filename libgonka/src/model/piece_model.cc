#include "piece_model.h"

#include <algorithm>
#include <cmath>

#include "fmt/format.h"
#include "gonka/base/json.h"
#include "normalizer.h"
#include "spec_check.h"
#include "utf8.h"

namespace gonka::model {
namespace {

// Symbols from here on are characters without a token: their place in the text is added.
constexpr uint32_t kStranger = 1u << 31;

size_t FirstLength(std::string_view text) {
  return std::min(ReadUtf8(text).length, text.size());
}

std::optional<uint8_t> ByteOf(std::string_view text) {
  unsigned byte = 0;
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return std::nullopt;
  for (const char c : text.substr(3, 2)) {
    const bool is_digit = c >= '0' && c <= '9';
    if (!is_digit && !(c >= 'A' && c <= 'F')) return std::nullopt;
    byte = byte * 16 + static_cast<unsigned>(is_digit ? c - '0' : c - 'A' + 10);
  }
  return static_cast<uint8_t>(byte);
}

// Equal scores are equal ranks: among them the leftmost is merged first.
std::vector<uint32_t> RanksOf(const std::vector<float>& scores) {
  std::vector<float> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  std::vector<uint32_t> ranks;
  ranks.reserve(scores.size());
  for (const float score : scores) {
    const auto at = std::lower_bound(sorted.begin(), sorted.end(), score, std::greater());
    ranks.push_back(static_cast<uint32_t>(at - sorted.begin()));
  }
  return ranks;
}

// Each mark is a space; what SentencePiece defines as a token may contain some, too.
std::string BytesOfPiece(const TokenizerSpec& spec, uint32_t id) {
  std::string_view rest = spec.tokens[id];
  if (spec.kinds[id] == TokenKind::kByte) {
    return std::string(1, static_cast<char>(ByteOf(rest).value_or(0)));  // AddTokens has checked.
  }
  if (IsSteering(spec.kinds[id])) return spec.tokens[id];
  std::string bytes;
  for (size_t mark; (mark = rest.find(kSpaceMark)) != rest.npos;) {
    bytes.append(rest.substr(0, mark)).push_back(' ');
    rest.remove_prefix(mark + kSpaceMark.size());
  }
  return bytes.append(rest);
}

}  // namespace

PieceModel::PieceModel(const TokenizerSpec& spec)
    : model_(spec.model),
      cuts_words_(spec.pre_tokenizer == PreTokenizer::kWords),
      rules_(spec.rules),
      tokens_(static_cast<uint32_t>(spec.tokens.size())) {}

absl::StatusOr<std::unique_ptr<const PieceModel>> PieceModel::Create(const TokenizerSpec& spec) {
  std::unique_ptr<PieceModel> model(new PieceModel(spec));
  GONKA_RETURN_IF_ERROR(IndexTokens(spec).status());
  GONKA_RETURN_IF_ERROR(model->AddTokens(spec));
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    model->token_bytes_.push_back(BytesOfPiece(spec, id));
  }
  if (spec.model == TokenizerModel::kMergedPieces) {
    GONKA_RETURN_IF_ERROR(model->AddMerges(spec));
  } else {
    if (spec.scores.size() != spec.tokens.size()) {
      return BadTokenizer(
          fmt::format("{} tokens, but {} scores", spec.tokens.size(), spec.scores.size()));
    }
    for (size_t id = 0; id < spec.scores.size(); ++id) {
      if (!std::isfinite(spec.scores[id])) {
        return BadTokenizer(fmt::format("token {} has the score {}", id, spec.scores[id]));
      }
    }
    if (!spec.merges.empty()) {
      return BadTokenizer(fmt::format("{} merges, but scores decide", spec.merges.size()));
    }
    if (spec.model == TokenizerModel::kScoredPieces) model->AddScoredPairs(spec);
    if (spec.model == TokenizerModel::kUnigram) model->unigram_ = Unigram(spec);
  }
  return std::unique_ptr<const PieceModel>(std::move(model));
}

absl::Status PieceModel::AddTokens(const TokenizerSpec& spec) {
  if (rules_.unknown && *rules_.unknown >= tokens_) {
    return BadTokenizer(
        fmt::format("unknown id {} is beyond the {} tokens", *rules_.unknown, tokens_));
  }
  for (uint32_t id = 0; id < tokens_; ++id) {
    const std::string& text = spec.tokens[id];
    if (text.size() > kTokenBytesMax) {
      return BadTokenizer(fmt::format("token {} has {} bytes, at most {} are accepted", id,
                                      text.size(), kTokenBytesMax));
    }
    if (spec.kinds[id] == TokenKind::kByte) {
      const std::optional<uint8_t> byte = ByteOf(text);
      if (!byte) return BadTokenizer(fmt::format("token {} {} is no byte", id, JsonQuote(text)));
      bytes_[*byte] = id;
    }
    // What a user defines may be a product of merges as well.
    const bool is_product =
        spec.kinds[id] == TokenKind::kUserDefined && spec.model == TokenizerModel::kMergedPieces;
    if (spec.kinds[id] != TokenKind::kNormal && !is_product) continue;
    if (text.empty() || FindInvalidUtf8(text)) {
      return BadTokenizer(fmt::format("token {} {} is no text", id, JsonQuote(text)));
    }
    normal_.Add(text, id);
  }
  return absl::OkStatus();
}

absl::Status PieceModel::AddMerges(const TokenizerSpec& spec) {
  for (uint32_t rank = 0; rank < spec.merges.size(); ++rank) {
    const std::string_view merge = spec.merges[rank];
    const auto refuse = [&](std::string_view why) {
      return BadTokenizer(fmt::format("merge {} {} {}", rank, JsonQuote(merge), why));
    };
    const size_t space = merge.find(' ');
    if (space == 0 || space + 1 >= merge.size() || merge.find(' ', space + 1) != merge.npos) {
      return refuse("is not two tokens with a space between them");
    }
    const auto left = normal_.Find(merge.substr(0, space));
    const auto right = normal_.Find(merge.substr(space + 1));
    if (!left || !right) return refuse("is of tokens that do not exist");
    const auto whole =
        normal_.Find(std::string(merge.substr(0, space)) + std::string(merge.substr(space + 1)));
    if (!whole) return refuse("gives a control token, or none");
    if (!pairs_.AddMerge(*left, *right, {rank, *whole})) return refuse("stands in the list twice");
  }
  return absl::OkStatus();
}

// Any two symbols that together are a token may merge, even where a character is no token itself.
void PieceModel::AddScoredPairs(const TokenizerSpec& spec) {
  for (uint32_t id = 0; id < tokens_; ++id) {
    if (spec.kinds[id] != TokenKind::kNormal) continue;
    for (std::string_view rest = spec.tokens[id]; !rest.empty();) {
      const std::string_view character = rest.substr(0, FirstLength(rest));
      rest.remove_prefix(character.size());
      if (FindSymbol(character)) continue;
      strange_.Add(character, tokens_ + static_cast<uint32_t>(strange_texts_.size()));
      strange_texts_.emplace_back(character);
    }
  }
  const std::vector<uint32_t> ranks = RanksOf(spec.scores);
  for (uint32_t id = 0; id < tokens_; ++id) {
    if (spec.kinds[id] != TokenKind::kNormal) continue;
    const std::string_view text = spec.tokens[id];
    for (size_t cut = FirstLength(text); cut < text.size(); cut += FirstLength(text.substr(cut))) {
      const auto left = FindSymbol(text.substr(0, cut));
      const auto right = FindSymbol(text.substr(cut));
      if (left && right) pairs_.AddMerge(*left, *right, {ranks[id], id});
    }
  }
}

std::optional<uint32_t> PieceModel::FindSymbol(std::string_view text) const {
  const auto normal = normal_.Find(text);
  return normal ? normal : strange_.Find(text);
}

void PieceModel::Encode(std::string_view text, BytePairs::Scratch& scratch,
                        std::vector<uint32_t>& out) const {
  while (!text.empty()) {
    const size_t end = cuts_words_ ? std::min(text.find(kSpaceMark, 1), text.size()) : text.size();
    EncodePiece(text.substr(0, end), scratch, out);
    text.remove_prefix(end);
  }
}

void PieceModel::EncodePiece(std::string_view piece, BytePairs::Scratch& scratch,
                             std::vector<uint32_t>& out) const {
  if (model_ != TokenizerModel::kUnigram) return EncodePairs(piece, scratch, out);
  bool after_unknown = false;
  unigram_.Cut(piece, [&](std::optional<uint32_t> id, std::string_view text) {
    if (!id) return EmitUnknown(text, after_unknown, out);
    after_unknown = false;
    out.push_back(*id);
  });
}

void PieceModel::EncodePairs(std::string_view piece, BytePairs::Scratch& scratch,
                             std::vector<uint32_t>& out) const {
  std::vector<uint32_t> symbols;
  symbols.reserve(piece.size());
  for (size_t at = 0; at < piece.size();) {
    const size_t length = FirstLength(piece.substr(at));
    const auto symbol = FindSymbol(piece.substr(at, length));
    symbols.push_back(symbol ? *symbol : kStranger + static_cast<uint32_t>(at));
    at += length;
  }
  std::vector<uint32_t> merged;
  pairs_.Merge(symbols, scratch, merged);
  bool after_unknown = false;
  for (const uint32_t symbol : merged) {
    if (symbol < tokens_) {
      out.push_back(symbol);
      after_unknown = false;
    } else if (symbol < kStranger) {
      EmitUnknown(strange_texts_[symbol - tokens_], after_unknown, out);
    } else {
      const std::string_view rest = piece.substr(symbol - kStranger);
      EmitUnknown(rest.substr(0, FirstLength(rest)), after_unknown, out);
    }
  }
}

void PieceModel::EmitUnknown(std::string_view character, bool& after_unknown,
                             std::vector<uint32_t>& out) const {
  const bool has_bytes = std::all_of(character.begin(), character.end(), [&](char byte) {
    return bytes_[static_cast<uint8_t>(byte)].has_value();
  });
  if (rules_.byte_fallback && has_bytes) {
    for (const char byte : character) out.push_back(*bytes_[static_cast<uint8_t>(byte)]);
    after_unknown = false;
    return;
  }
  if (rules_.unknown && !(rules_.fuse_unknown && after_unknown)) out.push_back(*rules_.unknown);
  after_unknown = true;
}

}  // namespace gonka::model
