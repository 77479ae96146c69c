#include "gonka/net/answer_text.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::net {

uint64_t CountCharacters(std::string_view text) {
  return static_cast<uint64_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

AnswerText::AnswerText(std::shared_ptr<const model::Tokenizer> tokenizer,
                       std::span<const std::string> stop, bool keep_tokens)
    : tokenizer_(std::move(tokenizer)),
      decoder_(tokenizer_),
      stop_(stop.begin(), stop.end()),
      keep_tokens_(keep_tokens) {}

absl::Status AnswerText::Push(const node::ProducedToken& token) {
  if (token.id >= tokenizer_->vocab()) {
    return absl::InvalidArgumentError(
        fmt::format("token {} is beyond the vocabulary of {}", token.id, tokenizer_->vocab()));
  }
  last_id_ = token.id;
  if (stopped_) return absl::OkStatus();
  auto text = decoder_.Push(token.id);
  if (!text.ok()) return text.status();
  if (keep_tokens_) {
    waiting_.push_back({.token = {.token = token, .text_offset = characters_},
                        .begin = shown_bytes_ + pending_.size()});
  }
  Append(*text);
  return absl::OkStatus();
}

bool AnswerText::ends_with_stop_token() const {
  const std::vector<uint32_t>& ends = tokenizer_->end_ids();
  return last_id_ && std::find(ends.begin(), ends.end(), *last_id_) != ends.end();
}

// The stop string that begins first among those that this token completes ends the text.
void AnswerText::Append(const std::string& text) {
  pending_ += text;
  characters_ += CountCharacters(text);
  size_t cut = pending_.npos;
  for (const std::string& stop : stop_) cut = std::min(cut, pending_.find(stop));
  if (cut == pending_.npos) return;
  pending_.resize(cut);
  stopped_ = true;
  const size_t end = shown_bytes_ + cut;
  std::erase_if(waiting_, [end](const Waiting& waiting) { return waiting.begin >= end; });
}

// The longest end of the pending text in which a stop string may have begun. Whole characters: stop
// strings begin with one.
size_t AnswerText::HeldBack() const {
  if (stopped_) return 0;
  size_t held = 0;
  for (const std::string& stop : stop_) {
    for (size_t length = std::min(stop.size() - 1, pending_.size()); length > held; --length) {
      if (pending_.ends_with(std::string_view(stop).substr(0, length))) held = length;
    }
  }
  return held;
}

TextPiece AnswerText::Release(size_t bytes, bool last) {
  TextPiece piece{.text = pending_.substr(0, bytes), .tokens = {}};
  pending_.erase(0, bytes);
  shown_bytes_ += bytes;
  if (piece.text.empty() && !last) return piece;
  size_t count = 0;
  while (count < waiting_.size() && (last || waiting_[count].begin < shown_bytes_)) {
    piece.tokens.push_back(std::move(waiting_[count].token));
    ++count;
  }
  waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(count));
  return piece;
}

TextPiece AnswerText::Take() {
  return Release(pending_.size() - HeldBack(), false);
}

TextPiece AnswerText::Finish(bool stopped_by_token) {
  if (!stopped_) {
    Append(decoder_.Finish());
    if (!stopped_ && stopped_by_token && !waiting_.empty()) waiting_.pop_back();
  }
  return Release(pending_.size(), true);
}

}  // namespace gonka::net
