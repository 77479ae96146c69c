#include "gonka/consensus/mempool.h"

#include <fmt/format.h>

namespace gonka::consensus {

Mempool::Mempool(const MempoolOptions& options) : options_(options) {}

absl::Status Mempool::Add(SignedTx tx, uint64_t height) {
  const TxHash hash = HashOf(tx);
  const size_t size = Encode(tx).size();
  std::lock_guard lock(mutex_);
  if (by_hash_.contains(hash)) {
    return absl::AlreadyExistsError(fmt::format("transaction {} is waiting already", Hex(hash)));
  }
  if (by_hash_.size() >= options_.txs_max || size > options_.bytes_max - bytes_) {
    return absl::ResourceExhaustedError(
        fmt::format("the mempool is full: {} of {} transactions, {} of {} bytes", by_hash_.size(),
                    options_.txs_max, bytes_, options_.bytes_max));
  }
  const auto sender = senders_.find(tx.sender);
  if (sender != senders_.end() && sender->second.size() >= options_.per_sender_max) {
    return absl::OutOfRangeError(fmt::format("{} has {} transactions waiting, which is the limit",
                                             Hex(tx.sender), sender->second.size()));
  }
  by_hash_[hash] = {tx.sender, tx.sequence};
  bytes_ += size;
  BySequence& own = sender == senders_.end() ? senders_[tx.sender] : sender->second;
  const Key key{tx.sequence, hash};
  own.emplace(key, Entry{std::move(tx), size, height});
  return absl::OkStatus();
}

bool Mempool::Contains(const TxHash& tx) const {
  std::lock_guard lock(mutex_);
  return by_hash_.contains(tx);
}

std::vector<SignedTx> Mempool::Pick(size_t txs_max, size_t bytes_max) const {
  std::lock_guard lock(mutex_);
  std::vector<std::pair<BySequence::const_iterator, BySequence::const_iterator>> lines;
  lines.reserve(senders_.size());
  for (const auto& [sender, own] : senders_) lines.emplace_back(own.begin(), own.end());
  std::vector<SignedTx> picked;
  size_t bytes = 0;
  while (!lines.empty()) {  // One round: the next of every sender that has one.
    for (auto& [next, end] : lines) {
      if (picked.size() == txs_max || next->second.bytes > bytes_max - bytes) return picked;
      bytes += next->second.bytes;
      picked.push_back((next++)->second.tx);
    }
    std::erase_if(lines, [](const auto& line) { return line.first == line.second; });
  }
  return picked;
}

void Mempool::Remove(std::span<const TxHash> txs) {
  std::lock_guard lock(mutex_);
  Erase(txs);
}

void Mempool::Recheck(uint64_t height, const std::set<AccountId>& senders,
                      const std::function<bool(const SignedTx&)>& admit) {
  std::lock_guard lock(mutex_);
  std::vector<TxHash> stale;
  for (const auto& [sender, own] : senders_) {
    const bool check = senders.contains(sender);
    for (const auto& [key, waiting] : own) {
      const bool old = height >= waiting.height + options_.blocks_max;
      if (old || (check && !admit(waiting.tx))) stale.push_back(key.second);
    }
  }
  Erase(stale);
}

size_t Mempool::size() const {
  std::lock_guard lock(mutex_);
  return by_hash_.size();
}

size_t Mempool::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

void Mempool::Erase(std::span<const TxHash> txs) {
  for (const TxHash& tx : txs) {
    const auto it = by_hash_.find(tx);
    if (it == by_hash_.end()) continue;
    const auto sender = senders_.find(it->second.first);
    const auto entry = sender->second.find({it->second.second, tx});
    bytes_ -= entry->second.bytes;
    sender->second.erase(entry);
    if (sender->second.empty()) senders_.erase(sender);
    by_hash_.erase(it);
  }
}

}  // namespace gonka::consensus
