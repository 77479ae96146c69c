#pragma once

// Tokens that stand in text as they are, such as "<|im_end|>".

#include <cstdint>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_map.h"

namespace gonka::model {

class AddedTokens {
 public:
  struct Match {
    uint32_t id;
    size_t length;
  };

  void Add(std::string_view text, uint32_t id);
  // The longest token at the very start of text.
  std::optional<Match> MatchAt(std::string_view text) const;
  std::optional<uint32_t> Find(std::string_view text) const;

 private:
  // A trie: edges by node and byte, node 0 is the root.
  uint32_t nodes_ = 1;
  absl::flat_hash_map<uint64_t, uint32_t> edges_;
  absl::flat_hash_map<uint32_t, uint32_t> ids_;  // By node.
};

}  // namespace gonka::model
