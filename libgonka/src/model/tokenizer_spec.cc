#include <algorithm>
#include <array>

#include "fmt/format.h"
#include "gonka/model/tokenizer.h"

namespace gonka::model {
namespace {

struct NamedPreTokenizer {
  std::string_view name;
  PreTokenizer pre_tokenizer;
};

constexpr NamedPreTokenizer kPreTokenizers[] = {{"gpt-2", PreTokenizer::kGpt2},
                                                {"smollm", PreTokenizer::kSmollm},
                                                {"llama-bpe", PreTokenizer::kLlamaBpe},
                                                {"qwen2", PreTokenizer::kQwen2}};

// Control tokens that end a turn or a text in the model families that have them.
constexpr std::string_view kEndTexts[] = {
    "<|im_end|>",      "<|endoftext|>", "<|eot_id|>",    "<|eom_id|>",
    "<|end_of_text|>", "<|end|>",       "<end_of_turn>", "</s>"};

absl::Status Refuse(const Gguf& gguf, std::string_view key, std::string_view value,
                    std::string_view supported) {
  return absl::InvalidArgumentError(
      fmt::format("{}: {} = \"{}\" is not supported, only {}", gguf.path(), key, value, supported));
}

absl::StatusOr<TokenizerModel> ReadModel(const Gguf& gguf) {
  GONKA_ASSIGN_OR_RETURN(const std::string_view model, gguf.String("tokenizer.ggml.model"));
  if (model == "gpt2") return TokenizerModel::kBytePairs;
  if (model == "llama") return TokenizerModel::kScoredPieces;
  return Refuse(gguf, "tokenizer.ggml.model", model, "\"gpt2\" and \"llama\"");
}

absl::StatusOr<PreTokenizer> ReadPreTokenizer(const Gguf& gguf) {
  GONKA_ASSIGN_OR_RETURN(const std::string_view name, gguf.String("tokenizer.ggml.pre"));
  for (const NamedPreTokenizer& known : kPreTokenizers) {
    if (known.name == name) return known.pre_tokenizer;
  }
  return Refuse(gguf, "tokenizer.ggml.pre", name, "gpt-2, smollm, llama-bpe and qwen2");
}

absl::StatusOr<std::vector<TokenKind>> ReadKinds(const Gguf& gguf, TokenKind last) {
  GONKA_ASSIGN_OR_RETURN(const std::vector<int64_t> types, gguf.Ints("tokenizer.ggml.token_type"));
  std::vector<TokenKind> kinds;
  kinds.reserve(types.size());
  for (size_t id = 0; id < types.size(); ++id) {
    if (types[id] < 1 || types[id] > static_cast<int64_t>(last)) {
      return absl::InvalidArgumentError(
          fmt::format("{}: tokenizer.ggml.token_type[{}] = {} is not supported, only 1 to {}",
                      gguf.path(), id, types[id], static_cast<int>(last)));
    }
    kinds.push_back(static_cast<TokenKind>(types[id]));
  }
  return kinds;
}

absl::StatusOr<std::optional<uint32_t>> ReadId(const Gguf& gguf, std::string_view key,
                                               size_t tokens) {
  if (!gguf.Has(key)) return std::nullopt;
  GONKA_ASSIGN_OR_RETURN(const uint64_t id, gguf.Uint(key));
  if (id >= tokens) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {} = {}, but there are only {} tokens", gguf.path(), key, id, tokens));
  }
  return std::optional(static_cast<uint32_t>(id));
}

absl::StatusOr<bool> ReadFlag(const Gguf& gguf, std::string_view key, bool fallback) {
  if (!gguf.Has(key)) return fallback;
  return gguf.Bool(key);
}

absl::Status ReadEndIds(const Gguf& gguf, TokenizerSpec& spec) {
  if (spec.eos) spec.end_ids.push_back(*spec.eos);
  for (const std::string_view key :
       {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    GONKA_ASSIGN_OR_RETURN(const std::optional<uint32_t> id, ReadId(gguf, key, spec.tokens.size()));
    if (id) spec.end_ids.push_back(*id);
  }
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.kinds[id] != TokenKind::kControl) continue;
    const bool ends = std::find(std::begin(kEndTexts), std::end(kEndTexts), spec.tokens[id]) !=
                      std::end(kEndTexts);
    if (ends) spec.end_ids.push_back(id);
  }
  std::sort(spec.end_ids.begin(), spec.end_ids.end());
  spec.end_ids.erase(std::unique(spec.end_ids.begin(), spec.end_ids.end()), spec.end_ids.end());
  return absl::OkStatus();
}

// Merges, and how text is cut before them.
absl::Status ReadBytePairs(const Gguf& gguf, TokenizerSpec& spec) {
  GONKA_ASSIGN_OR_RETURN(spec.pre_tokenizer, ReadPreTokenizer(gguf));
  GONKA_ASSIGN_OR_RETURN(const auto merges, gguf.Strings("tokenizer.ggml.merges"));
  spec.merges.assign(merges.begin(), merges.end());
  // Llama 3's files rely on llama.cpp's default.
  GONKA_ASSIGN_OR_RETURN(spec.add_bos, ReadFlag(gguf, "tokenizer.ggml.add_bos_token",
                                                spec.pre_tokenizer == PreTokenizer::kLlamaBpe));
  return absl::OkStatus();
}

// Scores, and llama.cpp's defaults for whatever Llama 2's files leave out.
absl::Status ReadPieces(const Gguf& gguf, TokenizerSpec& spec) {
  spec.pre_tokenizer = PreTokenizer::kWhole;
  GONKA_ASSIGN_OR_RETURN(spec.scores, gguf.Floats("tokenizer.ggml.scores"));
  GONKA_ASSIGN_OR_RETURN(const bool has_prefix,
                         ReadFlag(gguf, "tokenizer.ggml.add_space_prefix", true));
  GONKA_ASSIGN_OR_RETURN(spec.rules.trim_spaces,
                         ReadFlag(gguf, "tokenizer.ggml.remove_extra_whitespaces", false));
  spec.rules.prefix = has_prefix ? SpacePrefix::kEach : SpacePrefix::kNone;
  spec.rules.byte_fallback = true;
  spec.rules.fuse_unknown = true;
  GONKA_ASSIGN_OR_RETURN(spec.rules.unknown,
                         ReadId(gguf, "tokenizer.ggml.unknown_token_id", spec.tokens.size()));
  if (!spec.rules.unknown) spec.rules.unknown = 0;
  GONKA_ASSIGN_OR_RETURN(spec.add_bos, ReadFlag(gguf, "tokenizer.ggml.add_bos_token", true));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenizerSpec> TokenizerSpecFromGguf(const Gguf& gguf) {
  TokenizerSpec spec;
  GONKA_ASSIGN_OR_RETURN(spec.model, ReadModel(gguf));
  const bool has_pieces = spec.model == TokenizerModel::kScoredPieces;
  GONKA_ASSIGN_OR_RETURN(const auto tokens, gguf.Strings("tokenizer.ggml.tokens"));
  spec.tokens.assign(tokens.begin(), tokens.end());
  GONKA_ASSIGN_OR_RETURN(spec.kinds,
                         ReadKinds(gguf, has_pieces ? TokenKind::kByte : TokenKind::kUnused));
  if (spec.kinds.size() != spec.tokens.size()) {
    return absl::InvalidArgumentError(fmt::format("{}: {} tokens, but {} token types", gguf.path(),
                                                  spec.tokens.size(), spec.kinds.size()));
  }
  GONKA_RETURN_IF_ERROR(has_pieces ? ReadPieces(gguf, spec) : ReadBytePairs(gguf, spec));
  GONKA_ASSIGN_OR_RETURN(spec.bos, ReadId(gguf, "tokenizer.ggml.bos_token_id", spec.tokens.size()));
  GONKA_ASSIGN_OR_RETURN(spec.eos, ReadId(gguf, "tokenizer.ggml.eos_token_id", spec.tokens.size()));
  GONKA_RETURN_IF_ERROR(ReadEndIds(gguf, spec));
  GONKA_ASSIGN_OR_RETURN(const bool add_eos, ReadFlag(gguf, "tokenizer.ggml.add_eos_token", false));
  if (add_eos) return Refuse(gguf, "tokenizer.ggml.add_eos_token", "true", "false");
  return spec;
}

}  // namespace gonka::model
