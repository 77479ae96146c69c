#pragma once

// Byte pair merging: of all neighbouring pairs, the one of lowest rank is merged first, the
// leftmost among equals, until none is left. O(n log n) for a piece of n symbols.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace gonka::model {

class BytePairs {
 public:
  struct Product {
    uint32_t rank;
    uint32_t id;
  };
  // Scratch memory of one thread, to be used again for the next piece.
  struct Scratch {
    struct Symbol {
      uint32_t id;
      int32_t previous;
      int32_t next;
    };
    struct Candidate {
      uint32_t rank;
      int32_t left;
      uint32_t left_id;
      uint32_t right_id;
      uint32_t id;
      bool operator<(const Candidate& other) const {  // For a heap with the lowest on top.
        return rank != other.rank ? rank > other.rank : left > other.left;
      }
    };
    void Add(uint32_t id) {
      const auto at = static_cast<int32_t>(symbols.size());
      symbols.push_back({id, at - 1, at + 1});
    }
    std::vector<Symbol> symbols;
    std::vector<Candidate> heap;
  };

  void SetByte(uint8_t byte, uint32_t id) { byte_ids_[byte] = id; }
  // False if the pair has a merge already.
  bool AddMerge(uint32_t left, uint32_t right, Product product) {
    return merges_.emplace(Key(left, right), product).second;
  }
  // Appends the ids of piece to out. Bytes without an id are left out.
  void Encode(std::string_view piece, Scratch& scratch, std::vector<uint32_t>& out) const;
  // Appends to out what ids become.
  void Merge(std::span<const uint32_t> ids, Scratch& scratch, std::vector<uint32_t>& out) const;

 private:
  static uint64_t Key(uint32_t left, uint32_t right) { return uint64_t{left} << 32 | right; }
  void MergeAll(Scratch& scratch, std::vector<uint32_t>& out) const;
  void Consider(int32_t left, Scratch& scratch) const;

  std::array<std::optional<uint32_t>, 256> byte_ids_;
  absl::flat_hash_map<uint64_t, Product> merges_;
};

}  // namespace gonka::model
