#pragma once

// Transactions that wait for a block. Bounded in number and bytes, and per sender; each is there
// once. What goes into a block is picked round robin over the senders, each sender's in order of
// sequence, so that nobody crowds out the others.
//
// Any thread may call anything.

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/protocol/tx.h"

namespace gonka::consensus {

struct MempoolOptions {
  size_t txs_max = 16'384;
  size_t bytes_max = 64 << 20;    // Encoded.
  size_t per_sender_max = 1'024;  // Transactions.
  uint64_t blocks_max = 1'200;    // What waited for so many blocks is dropped.
};

class Mempool {
 public:
  explicit Mempool(const MempoolOptions& options = {});

  // height: the tip now. kAlreadyExists; kResourceExhausted where the pool is full, kOutOfRange
  // where this sender's part of it is. Whether the transaction is admissible was asked before.
  absl::Status Add(SignedTx tx, uint64_t height);
  bool Contains(const TxHash& tx) const;

  // What should go into the next block; it stays until Remove.
  std::vector<SignedTx> Pick(size_t txs_max, size_t bytes_max) const;

  void Remove(std::span<const TxHash> txs);
  // Drops what has waited too long and, of these senders, what admit refuses.
  void Recheck(uint64_t height, const std::set<AccountId>& senders,
               const std::function<bool(const SignedTx&)>& admit);

  size_t size() const;
  size_t bytes() const;

 private:
  struct Entry {
    SignedTx tx;
    size_t bytes = 0;
    uint64_t height = 0;
  };
  using Key = std::pair<uint64_t, TxHash>;  // Sequence first.
  using BySequence = std::map<Key, Entry>;

  void Erase(std::span<const TxHash> txs);  // mutex_ is held.

  const MempoolOptions options_;
  mutable std::mutex mutex_;
  std::map<AccountId, BySequence> senders_;
  std::map<TxHash, std::pair<AccountId, uint64_t>> by_hash_;
  size_t bytes_ = 0;
};

}  // namespace gonka::consensus
