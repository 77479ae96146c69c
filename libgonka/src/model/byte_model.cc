#include "byte_model.h"

#include "byte_alphabet.h"
#include "fmt/format.h"
#include "gonka/base/json.h"
#include "utf8.h"

namespace gonka::model {
namespace {

absl::StatusOr<std::string> BytesOfToken(const TokenizerSpec& spec, uint32_t id) {
  if (spec.kinds[id] != TokenKind::kNormal) return spec.tokens[id];
  std::optional<std::string> bytes = BytesOfAlphabet(spec.tokens[id]);
  if (!bytes) {
    return BadTokenizer(fmt::format("token {} {} has a character outside the byte alphabet", id,
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
    return BadTokenizer(fmt::format("merge {} {} {}", rank, JsonQuote(merge), why));
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

absl::StatusOr<std::unique_ptr<const ByteModel>> ByteModel::Create(const TokenizerSpec& spec) {
  std::unique_ptr<ByteModel> model(new ByteModel);
  GONKA_ASSIGN_OR_RETURN(model->splitter_, Splitter::Create(spec.pre_tokenizer));
  GONKA_ASSIGN_OR_RETURN(const IdByText ids, IndexTokens(spec));
  model->bytes_.reserve(spec.tokens.size());
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    GONKA_ASSIGN_OR_RETURN(std::string token, BytesOfToken(spec, id));
    model->bytes_.push_back(std::move(token));
  }
  if (spec.pre_tokenizer == PreTokenizer::kLlamaBpe) {
    for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
      if (spec.kinds[id] != TokenKind::kNormal) continue;
      model->whole_pieces_.emplace(model->bytes_[id], id);
    }
  }
  AddBytes(spec, ids, model->pairs_);
  for (uint32_t rank = 0; rank < spec.merges.size(); ++rank) {
    GONKA_RETURN_IF_ERROR(AddMerge(spec, ids, rank, model->pairs_));
  }
  return std::unique_ptr<const ByteModel>(std::move(model));
}

absl::Status ByteModel::Encode(std::string_view text, BytePairs::Scratch& scratch,
                               std::vector<uint32_t>& out) const {
  return splitter_->Split(text, [&](std::string_view piece) { EncodePiece(piece, scratch, out); });
}

void ByteModel::EncodePiece(std::string_view piece, BytePairs::Scratch& scratch,
                            std::vector<uint32_t>& out) const {
  const auto whole = whole_pieces_.find(piece);
  if (whole != whole_pieces_.end()) {
    out.push_back(whole->second);
  } else {
    pairs_.Encode(piece, scratch, out);
  }
}

}  // namespace gonka::model
