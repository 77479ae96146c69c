#pragma once

// Tokens by their text, found at the start of another.

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace gonka::model {

class TokenTrie {
 public:
  struct Match {
    uint32_t id;
    size_t length;
  };

  void Add(std::string_view text, uint32_t id);
  bool empty() const { return ids_.empty(); }
  // The longest token at the very start of text.
  std::optional<Match> MatchAt(std::string_view text) const;
  std::optional<uint32_t> Find(std::string_view text) const;

  // Calls on_match with every token at the very start of text, the shortest first.
  template <typename OnMatch>
  void Walk(std::string_view text, const OnMatch& on_match) const {
    uint32_t node = 0;
    for (size_t i = 0; i < text.size(); ++i) {
      const auto edge = edges_.find(Edge(node, text[i]));
      if (edge == edges_.end()) return;
      node = edge->second;
      const auto id = ids_.find(node);
      if (id != ids_.end()) on_match(Match{id->second, i + 1});
    }
  }

 private:
  static uint64_t Edge(uint32_t node, char byte) {
    return uint64_t{node} << 8 | static_cast<uint8_t>(byte);
  }

  // Edges by node and byte, node 0 is the root.
  uint32_t nodes_ = 1;
  absl::flat_hash_map<uint64_t, uint32_t> edges_;
  absl::flat_hash_map<uint32_t, uint32_t> ids_;  // By node.
};

}  // namespace gonka::model
