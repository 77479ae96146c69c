#include "added_tokens.h"

namespace gonka::model {
namespace {

uint64_t Edge(uint32_t node, char byte) {
  return uint64_t{node} << 8 | static_cast<uint8_t>(byte);
}

}  // namespace

void AddedTokens::Add(std::string_view text, uint32_t id) {
  uint32_t node = 0;
  for (const char byte : text) {
    const auto [edge, is_new] = edges_.emplace(Edge(node, byte), nodes_);
    if (is_new) ++nodes_;
    node = edge->second;
  }
  ids_.emplace(node, id);
}

std::optional<AddedTokens::Match> AddedTokens::MatchAt(std::string_view text) const {
  std::optional<Match> longest;
  uint32_t node = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto edge = edges_.find(Edge(node, text[i]));
    if (edge == edges_.end()) break;
    node = edge->second;
    const auto id = ids_.find(node);
    if (id != ids_.end()) longest = Match{id->second, i + 1};
  }
  return longest;
}

std::optional<uint32_t> AddedTokens::Find(std::string_view text) const {
  const std::optional<Match> match = MatchAt(text);
  if (!match || match->length != text.size()) return std::nullopt;
  return match->id;
}

}  // namespace gonka::model
