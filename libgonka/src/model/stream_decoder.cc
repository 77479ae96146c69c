#include "gonka/model/tokenizer.h"
#include "utf8.h"

namespace gonka::model {

StreamDecoder::StreamDecoder(std::shared_ptr<const Tokenizer> tokenizer, DecodeOptions options)
    : tokenizer_(std::move(tokenizer)), options_(options) {}

absl::StatusOr<std::string> StreamDecoder::Push(uint32_t id) {
  GONKA_ASSIGN_OR_RETURN(const std::string_view bytes, tokenizer_->TokenBytes(id));
  if ((options_.special_as_text || !tokenizer_->IsSpecial(id)) && !bytes.empty()) {
    const bool is_prefix =
        is_first_ && options_.at_start && tokenizer_->has_space_prefix() && bytes.starts_with(' ');
    held_ += bytes.substr(is_prefix ? 1 : 0);
    is_first_ = false;
  }
  std::string text;
  MoveCompleteUtf8(held_, text);
  return text;
}

std::string StreamDecoder::Finish() {
  std::string text;
  if (!held_.empty()) AppendUtf8(text, 0xFFFD);
  held_.clear();
  is_first_ = true;
  return text;
}

}  // namespace gonka::model
