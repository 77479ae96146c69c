#include "spec_check.h"

#include "fmt/format.h"
#include "gonka/base/json.h"

namespace gonka::model {
namespace {

absl::Status CheckCounts(const TokenizerSpec& spec) {
  if (spec.tokens.empty() || spec.tokens.size() > Tokenizer::kTokensMax) {
    return BadTokenizer(
        fmt::format("{} tokens, 1 to {} are accepted", spec.tokens.size(), Tokenizer::kTokensMax));
  }
  if (spec.kinds.size() != spec.tokens.size()) {
    return BadTokenizer(
        fmt::format("{} tokens, but {} kinds", spec.tokens.size(), spec.kinds.size()));
  }
  if (spec.merges.size() > Tokenizer::kTokensMax) {
    return BadTokenizer(fmt::format("{} merges, at most {} are accepted", spec.merges.size(),
                                    Tokenizer::kTokensMax));
  }
  std::vector<uint32_t> named = spec.end_ids;
  if (spec.bos) named.push_back(*spec.bos);
  if (spec.eos) named.push_back(*spec.eos);
  for (const uint32_t id : named) {
    if (id >= spec.tokens.size()) {
      return BadTokenizer(fmt::format("id {} is beyond the {} tokens", id, spec.tokens.size()));
    }
  }
  if (spec.add_bos && !spec.bos)
    return BadTokenizer("prompts start with bos, but there is no bos token");
  for (const AddedFlags& flags : spec.added_flags) {
    if (flags.id < spec.tokens.size()) continue;
    return BadTokenizer(fmt::format("id {} is beyond the {} tokens", flags.id, spec.tokens.size()));
  }
  return absl::OkStatus();
}

// Bytes and pieces have little in common.
absl::Status CheckModel(const TokenizerSpec& spec) {
  const bool has_pieces = spec.model != TokenizerModel::kBytePairs;
  const bool is_cut_by_bytes = spec.pre_tokenizer <= PreTokenizer::kQwen2;
  if (has_pieces == is_cut_by_bytes) {
    return BadTokenizer(fmt::format("model {} does not go with pre-tokenizer {}",
                                    static_cast<int>(spec.model),
                                    static_cast<int>(spec.pre_tokenizer)));
  }
  if (!has_pieces && (!spec.scores.empty() || spec.rules != PieceRules())) {
    return BadTokenizer("byte pairs have neither scores nor rules of pieces");
  }
  if (has_pieces && spec.is_nfc) return BadTokenizer("pieces are not composed");
  return absl::OkStatus();
}

}  // namespace

absl::Status BadTokenizer(const std::string& message) {
  return absl::InvalidArgumentError("tokenizer: " + message);
}

absl::Status CheckSpec(const TokenizerSpec& spec) {
  GONKA_RETURN_IF_ERROR(CheckCounts(spec));
  return CheckModel(spec);
}

absl::StatusOr<IdByText> IndexTokens(const TokenizerSpec& spec) {
  IdByText ids;
  ids.reserve(spec.tokens.size());
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    const auto [found, is_new] = ids.emplace(spec.tokens[id], id);
    if (!is_new) {
      return BadTokenizer(fmt::format("token {} has two ids, {} and {}", JsonQuote(spec.tokens[id]),
                                      found->second, id));
    }
  }
  return ids;
}

}  // namespace gonka::model
