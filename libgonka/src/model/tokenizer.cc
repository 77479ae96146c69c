#include "gonka/model/tokenizer.h"

#include <algorithm>

#include "absl/container/flat_hash_map.h"
#include "added_tokens.h"
#include "byte_model.h"
#include "fmt/format.h"
#include "gonka/base/json.h"
#include "normalizer.h"
#include "piece_model.h"
#include "spec_check.h"
#include "utf8.h"

namespace gonka::model {

struct Tokenizer::Tables {
  std::unique_ptr<const Normalizer> normalizer;
  AddedTokens added;                            // Found in text as it is ...
  AddedTokens added_normalized;                 // ... and in what the normaliser made of it.
  TokenTrie kept;                               // What the normaliser leaves alone.
  TokenTrie names;                              // All of these by their own text.
  std::unique_ptr<const ByteModel> byte_model;  // Either this or pieces.
  std::unique_ptr<const PieceModel> pieces;
  std::vector<TokenKind> kinds;
  std::optional<uint32_t> bos;
  std::optional<uint32_t> eos;
  std::vector<uint32_t> end_ids;
  bool add_bos = false;
  bool has_space_prefix = false;

  absl::Status AddModel(const TokenizerSpec& spec);
  absl::Status AddAdded(const TokenizerSpec& spec);
  // text is between two added tokens, or between one and an end; at_start: nothing is before it.
  absl::Status EncodePart(const MarkedText& text, bool at_start, BytePairs::Scratch& scratch,
                          std::vector<uint32_t>& ids) const;
  absl::Status EncodeOrdinary(std::string_view text, BytePairs::Scratch& scratch,
                              std::vector<uint32_t>& ids) const;
  const std::vector<std::string>& bytes() const {
    return byte_model ? byte_model->bytes() : pieces->bytes();
  }
};

namespace {

absl::Status CheckTrusted(const MarkedText& marked) {
  size_t done = 0;
  for (const ByteRange& range : marked.trusted) {
    if (range.begin > range.end || range.end > marked.text.size() || range.begin < done) {
      return absl::InvalidArgumentError(fmt::format("trusted bytes {} to {} of a text of {}",
                                                    range.begin, range.end, marked.text.size()));
    }
    done = range.end;
  }
  return absl::OkStatus();
}

MarkedText PartOf(const MarkedText& marked, ByteRange part) {
  MarkedText text{marked.text.substr(part.begin, part.end - part.begin), {}};
  auto range = std::upper_bound(marked.trusted.begin(), marked.trusted.end(), part.begin,
                                [](size_t at, const ByteRange& one) { return at < one.end; });
  for (; range != marked.trusted.end() && range->begin < part.end; ++range) {
    text.trusted.push_back({std::max(range->begin, part.begin) - part.begin,
                            std::min(range->end, part.end) - part.begin});
  }
  return text;
}

}  // namespace

absl::Status Tokenizer::Tables::AddModel(const TokenizerSpec& spec) {
  GONKA_ASSIGN_OR_RETURN(normalizer, Normalizer::Create(spec));
  if (spec.model == TokenizerModel::kBytePairs) {
    GONKA_ASSIGN_OR_RETURN(byte_model, ByteModel::Create(spec));
  } else {
    GONKA_ASSIGN_OR_RETURN(pieces, PieceModel::Create(spec));
  }
  has_space_prefix = spec.rules.prefix != SpacePrefix::kNone;
  return absl::OkStatus();
}

absl::Status Tokenizer::Tables::AddAdded(const TokenizerSpec& spec) {
  absl::flat_hash_map<uint32_t, AddedFlags> all_flags;
  for (const AddedFlags& flags : spec.added_flags) all_flags[flags.id] = flags;
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    const TokenKind kind = spec.kinds[id];
    const std::string& text = spec.tokens[id];
    if (text.empty() || !(IsSteering(kind) || kind == TokenKind::kUserDefined)) continue;
    names.Add(text, id);
    const auto found = all_flags.find(id);
    const AddedFlags flags = found == all_flags.end() ? AddedFlags() : found->second;
    if (!flags.normalized) {
      added.Add(text, id, flags.strip_left, flags.strip_right);
      continue;
    }
    const bool is_kept =
        spec.model == TokenizerModel::kScoredPieces || spec.model == TokenizerModel::kUnigram;
    if (is_kept) kept.Add(text, id);
    if (!is_kept && FindInvalidUtf8(text)) {
      return BadTokenizer(fmt::format("token {} {} is no text", id, JsonQuote(text)));
    }
    added_normalized.Add(is_kept ? text : normalizer->Apply({text, {}}, true, kept).text, id,
                         flags.strip_left, flags.strip_right);
  }
  return absl::OkStatus();
}

absl::Status Tokenizer::Tables::EncodePart(const MarkedText& text, bool at_start,
                                           BytePairs::Scratch& scratch,
                                           std::vector<uint32_t>& ids) const {
  if (normalizer->ChangesNothing()) return EncodeOrdinary(text.text, scratch, ids);
  const MarkedText normal = normalizer->Apply(text, at_start, kept);
  return added_normalized.Cut(
      normal.text, normal.trusted,
      [&](ByteRange range) {
        return EncodeOrdinary(
            std::string_view(normal.text).substr(range.begin, range.end - range.begin), scratch,
            ids);
      },
      [&](uint32_t id) { ids.push_back(id); });
}

absl::Status Tokenizer::Tables::EncodeOrdinary(std::string_view text, BytePairs::Scratch& scratch,
                                               std::vector<uint32_t>& ids) const {
  if (byte_model) return byte_model->Encode(text, scratch, ids);
  pieces->Encode(text, scratch, ids);
  return absl::OkStatus();
}

Tokenizer::Tokenizer(std::unique_ptr<const Tables> tables) : tables_(std::move(tables)) {}
Tokenizer::~Tokenizer() = default;

absl::StatusOr<std::shared_ptr<const Tokenizer>> Tokenizer::Create(const TokenizerSpec& spec) {
  GONKA_RETURN_IF_ERROR(CheckSpec(spec));
  auto tables = std::make_unique<Tables>();
  GONKA_RETURN_IF_ERROR(tables->AddModel(spec));
  GONKA_RETURN_IF_ERROR(tables->AddAdded(spec));
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
  GONKA_RETURN_IF_ERROR(CheckTrusted(marked));
  std::vector<uint32_t> ids;
  BytePairs::Scratch scratch;
  GONKA_RETURN_IF_ERROR(tables_->added.Cut(
      text, marked.trusted,
      [&](ByteRange range) {
        return tables_->EncodePart(PartOf(marked, range), range.begin == 0, scratch, ids);
      },
      [&](uint32_t id) { ids.push_back(id); }));
  return ids;
}

absl::StatusOr<std::string> Tokenizer::Decode(std::span<const uint32_t> ids,
                                              DecodeOptions options) const {
  std::string bytes;
  for (const uint32_t id : ids) {
    GONKA_ASSIGN_OR_RETURN(const std::string_view token, TokenBytes(id));
    if (options.special_as_text || !IsSpecial(id)) bytes += token;
  }
  if (options.at_start && has_space_prefix() && bytes.starts_with(' ')) bytes.erase(0, 1);
  std::string text;
  MoveCompleteUtf8(bytes, text);
  if (!bytes.empty()) AppendUtf8(text, 0xFFFD);
  return text;
}

absl::StatusOr<std::string_view> Tokenizer::TokenBytes(uint32_t id) const {
  if (id >= tables_->bytes().size()) {
    return absl::OutOfRangeError(
        fmt::format("token id {} is beyond the vocabulary of {}", id, tables_->bytes().size()));
  }
  return std::string_view(tables_->bytes()[id]);
}

uint32_t Tokenizer::vocab() const {
  return static_cast<uint32_t>(tables_->bytes().size());
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

bool Tokenizer::has_space_prefix() const {
  return tables_->has_space_prefix;
}

bool Tokenizer::IsSpecial(uint32_t id) const {
  return id < tables_->kinds.size() && IsSteering(tables_->kinds[id]);
}

std::optional<uint32_t> Tokenizer::FindSpecial(std::string_view text) const {
  return tables_->names.Find(text);
}

}  // namespace gonka::model
