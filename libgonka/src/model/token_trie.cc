#include "token_trie.h"

namespace gonka::model {

void TokenTrie::Add(std::string_view text, uint32_t id) {
  uint32_t node = 0;
  for (const char byte : text) {
    const auto [edge, is_new] = edges_.emplace(Edge(node, byte), nodes_);
    if (is_new) ++nodes_;
    node = edge->second;
  }
  ids_.emplace(node, id);
}

std::optional<TokenTrie::Match> TokenTrie::MatchAt(std::string_view text) const {
  std::optional<Match> longest;
  Walk(text, [&](const Match& match) { longest = match; });
  return longest;
}

std::optional<uint32_t> TokenTrie::Find(std::string_view text) const {
  const std::optional<Match> match = MatchAt(text);
  if (!match || match->length != text.size()) return std::nullopt;
  return match->id;
}

}  // namespace gonka::model
