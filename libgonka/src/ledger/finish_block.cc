#include "ledger/finish_block.h"

#include <algorithm>

namespace gonka::ledger {
namespace {

// The same bytes as Encode(Leaf(value)), without a copy of the value.
template <class T>
Bytes EncodeLeaf(const T& value) {
  constexpr uint8_t kTag = std::is_same_v<T, StateWrite> ? 0 : std::is_same_v<T, Receipt> ? 1 : 2;
  Writer out;
  out.U8(kTag);
  codec::Write(out, value);
  return out.Take();
}

void InsertChain(const BlockState& state, std::vector<StateWrite>& writes) {
  StateWrite write;
  write.key = ToBytes(keys::OfChain().span());
  write.value = Encode(state.chain);
  const auto position = std::lower_bound(writes.begin(), writes.end(), write, KeyBefore);
  writes.insert(position, std::move(write));
}

}  // namespace

BlockResult FinishBlock(BlockState& state, std::vector<Receipt> receipts) {
  BlockResult result;
  result.writes = state.CollectWrites();
  result.receipts = std::move(receipts);
  result.notices = std::move(state.notices);
  result.leaves.reserve(result.writes.size() + result.receipts.size() + result.notices.size());
  for (const StateWrite& write : result.writes) result.leaves.push_back(EncodeLeaf(write));
  for (const Receipt& receipt : result.receipts) result.leaves.push_back(EncodeLeaf(receipt));
  for (const Notice& notice : result.notices) result.leaves.push_back(EncodeLeaf(notice));
  if (!result.leaves.empty()) {
    std::vector<Hash> hashes;
    hashes.reserve(result.leaves.size());
    for (const Bytes& leaf : result.leaves) hashes.push_back(MerkleLeaf(leaf));
    result.block_leaf = BlockLeaf{.height = state.height(),
                                  .count = static_cast<uint32_t>(hashes.size()),
                                  .root = MerkleRoot(hashes)};
    state.chain.history.Append(HashOf(*result.block_leaf));
  }
  result.app_hash = state.chain.history.Root();
  InsertChain(state, result.writes);
  return result;
}

}  // namespace gonka::ledger
