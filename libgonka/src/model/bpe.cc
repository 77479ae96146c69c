#include "bpe.h"

#include <algorithm>

namespace gonka::model {

// Queues the merge of the symbol at left with its right neighbour, if there is one.
void BytePairs::Consider(int32_t left, Scratch& scratch) const {
  if (left < 0) return;
  const auto& symbol = scratch.symbols[static_cast<size_t>(left)];
  if (symbol.next < 0) return;
  const uint32_t right_id = scratch.symbols[static_cast<size_t>(symbol.next)].id;
  const auto found = merges_.find(Key(symbol.id, right_id));
  if (found == merges_.end()) return;
  scratch.heap.push_back({found->second.rank, left, symbol.id, right_id, found->second.id});
  std::push_heap(scratch.heap.begin(), scratch.heap.end());
}

void BytePairs::Encode(std::string_view piece, Scratch& scratch, std::vector<uint32_t>& out) const {
  scratch.symbols.clear();
  for (const char c : piece) {
    const std::optional<uint32_t> id = byte_ids_[static_cast<uint8_t>(c)];
    if (id) scratch.Add(*id);
  }
  MergeAll(scratch, out);
}

void BytePairs::Merge(std::span<const uint32_t> ids, Scratch& scratch,
                      std::vector<uint32_t>& out) const {
  scratch.symbols.clear();
  for (const uint32_t id : ids) scratch.Add(id);
  MergeAll(scratch, out);
}

void BytePairs::MergeAll(Scratch& scratch, std::vector<uint32_t>& out) const {
  constexpr uint32_t kMerged = UINT32_MAX;  // The id of a symbol that its left neighbour took in.
  auto& symbols = scratch.symbols;
  auto& heap = scratch.heap;
  heap.clear();
  if (symbols.empty()) return;
  symbols.back().next = -1;
  for (size_t i = 0; i < symbols.size(); ++i) Consider(static_cast<int32_t>(i), scratch);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end());
    const Scratch::Candidate best = heap.back();
    heap.pop_back();
    auto& left = symbols[static_cast<size_t>(best.left)];
    // Either neighbour may have been merged since the candidate was queued.
    if (left.id != best.left_id || left.next < 0) continue;
    auto& right = symbols[static_cast<size_t>(left.next)];
    if (right.id != best.right_id) continue;
    left.id = best.id;
    left.next = right.next;
    right.id = kMerged;
    if (left.next >= 0) symbols[static_cast<size_t>(left.next)].previous = best.left;
    Consider(left.previous, scratch);
    Consider(best.left, scratch);
  }
  for (int32_t at = 0; at >= 0; at = symbols[static_cast<size_t>(at)].next) {
    out.push_back(symbols[static_cast<size_t>(at)].id);
  }
}

}  // namespace gonka::model
