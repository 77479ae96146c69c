#include "gonka/model/tokenizer.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "added_tokens.h"
#include "bpe.h"
#include "byte_alphabet.h"
#include "fmt/format.h"
#include "gonka/base/json.h"
#include "splitter.h"
#include "utf8.h"

namespace gonka::model {

struct Tokenizer::Tables {
  std::unique_ptr<const Splitter> splitter;
  BytePairs pairs;
  AddedTokens added;
  // Pieces that are a token as a whole are not merged (Llama 3). Empty otherwise. Keys lie in
  // bytes.
  absl::flat_hash_map<std::string_view, uint32_t, std::hash<std::string_view>,
                      std::equal_to<std::string_view>>
      whole_pieces;
  std::vector<std::string> bytes;  // By id.
  std::vector<TokenKind> kinds;
  std::optional<uint32_t> bos;
  std::optional<uint32_t> eos;
  std::vector<uint32_t> end_ids;
  bool add_bos = false;

  void EncodeOrdinaryPiece(std::string_view piece, BytePairs::Scratch& scratch,
                           std::vector<uint32_t>& ids) const;
};

namespace {

using IdByText = absl::flat_hash_map<std::string_view, uint32_t, std::hash<std::string_view>,
                                     std::equal_to<std::string_view>>;

absl::Status Bad(const std::string& message) {
  return absl::InvalidArgumentError("tokenizer: " + message);
}

// Tokens that text must never spell.
bool IsSteering(TokenKind kind) {
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

absl::Status CheckCounts(const TokenizerSpec& spec) {
  if (spec.tokens.empty() || spec.tokens.size() > Tokenizer::kTokensMax) {
    return Bad(
        fmt::format("{} tokens, 1 to {} are accepted", spec.tokens.size(), Tokenizer::kTokensMax));
  }
  if (spec.kinds.size() != spec.tokens.size()) {
    return Bad(fmt::format("{} tokens, but {} kinds", spec.tokens.size(), spec.kinds.size()));
  }
  if (spec.merges.size() > Tokenizer::kTokensMax) {
    return Bad(fmt::format("{} merges, at most {} are accepted", spec.merges.size(),
                           Tokenizer::kTokensMax));
  }
  std::vector<uint32_t> named = spec.end_ids;
  if (spec.bos) named.push_back(*spec.bos);
  if (spec.eos) named.push_back(*spec.eos);
  for (const uint32_t id : named) {
    if (id >= spec.tokens.size()) {
      return Bad(fmt::format("id {} is beyond the {} tokens", id, spec.tokens.size()));
    }
  }
  if (spec.add_bos && !spec.bos) return Bad("prompts start with bos, but there is no bos token");
  return absl::OkStatus();
}

absl::StatusOr<IdByText> IndexTokens(const TokenizerSpec& spec) {
  IdByText ids;
  ids.reserve(spec.tokens.size());
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    const auto [found, is_new] = ids.emplace(spec.tokens[id], id);
    if (!is_new) {
      return Bad(fmt::format("token {} has two ids, {} and {}", JsonQuote(spec.tokens[id]),
                             found->second, id));
    }
  }
  return ids;
}

absl::StatusOr<std::string> BytesOfToken(const TokenizerSpec& spec, uint32_t id) {
  if (spec.kinds[id] != TokenKind::kNormal) return spec.tokens[id];
  std::optional<std::string> bytes = BytesOfAlphabet(spec.tokens[id]);
  if (!bytes) {
    return Bad(fmt::format("token {} {} has a character outside the byte alphabet", id,
                           JsonQuote(spec.tokens[id])));
  }
  return *std::move(bytes);
}

void AddBytes(const TokenizerSpec& spec, const IdByText& ids, BytePairs& pairs) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    std::string text;
    AppendUtf8(text, CharOfByte(static_cast<uint8_t>(byte)));
    const auto found = ids.find(text);
    if (found == ids.end() || spec.kinds[found->second] != TokenKind::kNormal) continue;
    pairs.SetByte(static_cast<uint8_t>(byte), found->second);
  }
}

absl::Status AddMerge(const TokenizerSpec& spec, const IdByText& ids, uint32_t rank,
                      BytePairs& pairs) {
  const std::string& merge = spec.merges[rank];
  const auto refuse = [&](std::string_view why) {
    return Bad(fmt::format("merge {} {} {}", rank, JsonQuote(merge), why));
  };
  const size_t space = merge.find(' ');
  if (space == std::string::npos || space == 0 || space + 1 == merge.size() ||
      merge.find(' ', space + 1) != std::string::npos) {
    return refuse("is not two tokens with a space between them");
  }
  const std::string product = merge.substr(0, space) + merge.substr(space + 1);
  const auto left = ids.find(std::string_view(merge).substr(0, space));
  const auto right = ids.find(std::string_view(merge).substr(space + 1));
  const auto whole = ids.find(product);
  if (left == ids.end() || right == ids.end()) return refuse("is of tokens that do not exist");
  if (whole == ids.end()) return refuse("gives a token that does not exist");
  if (IsSteering(spec.kinds[whole->second])) return refuse("spells a control token");
  if (!pairs.AddMerge(left->second, right->second, {rank, whole->second})) {
    return refuse("stands in the list twice");
  }
  return absl::OkStatus();
}

}  // namespace

void Tokenizer::Tables::EncodeOrdinaryPiece(std::string_view piece, BytePairs::Scratch& scratch,
                                            std::vector<uint32_t>& ids) const {
  const auto whole = whole_pieces.find(piece);
  if (whole != whole_pieces.end()) {
    ids.push_back(whole->second);
  } else {
    pairs.Encode(piece, scratch, ids);
  }
}

Tokenizer::Tokenizer(std::unique_ptr<const Tables> tables) : tables_(std::move(tables)) {}
Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::Create(const TokenizerSpec& spec) {
  GONKA_RETURN_IF_ERROR(CheckCounts(spec));
  auto tables = std::make_unique<Tables>();
  GONKA_ASSIGN_OR_RETURN(tables->splitter, Splitter::Create(spec.pre_tokenizer));
  GONKA_ASSIGN_OR_RETURN(const IdByText ids, IndexTokens(spec));
  tables->bytes.reserve(spec.tokens.size());
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    GONKA_ASSIGN_OR_RETURN(std::string bytes, BytesOfToken(spec, id));
    tables->bytes.push_back(std::move(bytes));
    const TokenKind kind = spec.kinds[id];
    if (!spec.tokens[id].empty() && (IsSteering(kind) || kind == TokenKind::kUserDefined)) {
      tables->added.Add(spec.tokens[id], id);
    }
  }
  if (spec.pre_tokenizer == PreTokenizer::kLlamaBpe) {
    for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
      if (spec.kinds[id] == TokenKind::kNormal) tables->whole_pieces.emplace(tables->bytes[id], id);
    }
  }
  AddBytes(spec, ids, tables->pairs);
  for (uint32_t rank = 0; rank < spec.merges.size(); ++rank) {
    GONKA_RETURN_IF_ERROR(AddMerge(spec, ids, rank, tables->pairs));
  }
  tables->kinds = spec.kinds;
  tables->bos = spec.bos;
  tables->eos = spec.eos;
  tables->end_ids = spec.end_ids;
  tables->add_bos = spec.add_bos;
  return std::shared_ptr<const Tokenizer>(new Tokenizer(std::move(tables)));
}

absl::StatusOr<std::vector<uint32_t>> Tokenizer::Encode(std::string_view text,
                                                        bool allow_special) const {
  MarkedText marked{std::string(text), {}};
  if (allow_special && !text.empty()) marked.trusted.push_back({0, text.size()});
  return Encode(marked);
}

absl::StatusOr<std::vector<uint32_t>> Tokenizer::Encode(const MarkedText& marked) const {
  const std::string_view text = marked.text;
  if (text.size() > kTextBytesMax) {
    return absl::InvalidArgumentError(
        fmt::format("text of {} bytes, at most {} are accepted", text.size(), kTextBytesMax));
  }
  if (const auto invalid = FindInvalidUtf8(text)) {
    return absl::InvalidArgumentError(
        fmt::format("text is not UTF-8 at byte {} of {}", *invalid, text.size()));
  }
  std::vector<uint32_t> ids;
  BytePairs::Scratch scratch;
  const auto encode_ordinary = [&](std::string_view ordinary) {
    return tables_->splitter->Split(ordinary, [&](std::string_view piece) {
      tables_->EncodeOrdinaryPiece(piece, scratch, ids);
    });
  };
  size_t done = 0;  // Everything before is in ids.
  for (const ByteRange& range : marked.trusted) {
    if (range.begin > range.end || range.end > text.size() || range.begin < done) {
      return absl::InvalidArgumentError(fmt::format("trusted bytes {} to {} of a text of {}",
                                                    range.begin, range.end, text.size()));
    }
    for (size_t at = range.begin; at < range.end;) {
      const auto match = tables_->added.MatchAt(text.substr(at, range.end - at));
      if (!match) {
        ++at;
        continue;
      }
      GONKA_RETURN_IF_ERROR(encode_ordinary(text.substr(done, at - done)));
      ids.push_back(match->id);
      at += match->length;
      done = at;
    }
  }
  GONKA_RETURN_IF_ERROR(encode_ordinary(text.substr(done)));
  return ids;
}

absl::StatusOr<std::string> Tokenizer::Decode(std::span<const uint32_t> ids,
                                              DecodeOptions options) const {
  std::string bytes;
  for (const uint32_t id : ids) {
    GONKA_ASSIGN_OR_RETURN(const std::string_view token, TokenBytes(id));
    if (options.special_as_text || !IsSpecial(id)) bytes += token;
  }
  std::string text;
  MoveCompleteUtf8(bytes, text);
  if (!bytes.empty()) AppendUtf8(text, 0xFFFD);
  return text;
}

absl::StatusOr<std::string_view> Tokenizer::TokenBytes(uint32_t id) const {
  if (id >= tables_->bytes.size()) {
    return absl::OutOfRangeError(
        fmt::format("token id {} is beyond the vocabulary of {}", id, tables_->bytes.size()));
  }
  return std::string_view(tables_->bytes[id]);
}

uint32_t Tokenizer::vocab() const {
  return static_cast<uint32_t>(tables_->bytes.size());
}

std::optional<uint32_t> Tokenizer::bos() const {
  return tables_->bos;
}

std::optional<uint32_t> Tokenizer::eos() const {
  return tables_->eos;
}

bool Tokenizer::add_bos() const {
  return tables_->add_bos;
}

const std::vector<uint32_t>& Tokenizer::end_ids() const {
  return tables_->end_ids;
}

bool Tokenizer::IsSpecial(uint32_t id) const {
  return id < tables_->kinds.size() && IsSteering(tables_->kinds[id]);
}

std::optional<uint32_t> Tokenizer::FindSpecial(std::string_view text) const {
  return tables_->added.Find(text);
}

}  // namespace gonka::model
