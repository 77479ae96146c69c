#include "unigram.h"

#include <algorithm>

#include "utf8.h"

namespace gonka::model {
namespace {

constexpr float kUnknownPenalty = 10;
constexpr uint32_t kUnknown = UINT32_MAX;
constexpr size_t kNowhere = SIZE_MAX;

struct Step {
  size_t begin = kNowhere;  // Of the token that ends here.
  uint32_t id = kUnknown;
  float score = 0;  // Of the best way to here.
};

}  // namespace

Unigram::Unigram(const TokenizerSpec& spec) : scores_(spec.scores) {
  float lowest = 0;
  bool is_first = true;
  for (uint32_t id = 0; id < spec.tokens.size(); ++id) {
    if (spec.kinds[id] != TokenKind::kNormal) continue;
    trie_.Add(spec.tokens[id], id);
    lowest = is_first ? scores_[id] : std::min(lowest, scores_[id]);
    is_first = false;
  }
  unknown_score_ = lowest - kUnknownPenalty;
}

void Unigram::Cut(
    std::string_view text,
    const std::function<void(std::optional<uint32_t> id, std::string_view text)>& on_token) const {
  std::vector<Step> steps(text.size() + 1);
  for (size_t begin = 0; begin < text.size();) {
    const size_t length = std::min(ReadUtf8(text.substr(begin)).length, text.size() - begin);
    const float so_far = steps[begin].score;
    bool has_character = false;
    trie_.Walk(text.substr(begin), [&](const TokenTrie::Match& match) {
      has_character |= match.length == length;
      Step& step = steps[begin + match.length];
      const float score = scores_[match.id] + so_far;
      if (step.begin == kNowhere || score > step.score) step = {begin, match.id, score};
    });
    if (!has_character) {
      Step& step = steps[begin + length];
      const float score = unknown_score_ + so_far;
      if (step.begin == kNowhere || score > step.score) step = {begin, kUnknown, score};
    }
    begin += length;
  }
  std::vector<size_t> ends;
  for (size_t end = text.size(); end > 0; end = steps[end].begin) ends.push_back(end);
  for (auto end = ends.rbegin(); end != ends.rend(); ++end) {
    const Step& step = steps[*end];
    const std::string_view token = text.substr(step.begin, *end - step.begin);
    on_token(step.id == kUnknown ? std::nullopt : std::optional(step.id), token);
  }
}

}  // namespace gonka::model
