#pragma once

// Checks signatures of transactions, on a few threads of its own, and remembers which it has found
// good, so that a transaction that came through the mempool costs nothing in its block.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gonka/protocol/tx.h"

namespace gonka::consensus {

class SignatureVerifier {
 public:
  // threads counts the caller's, so one means no thread of its own.
  SignatureVerifier(unsigned threads, size_t verified_max);
  ~SignatureVerifier();

  // Any thread. hash is the transaction's.
  bool Verify(const SignedTx& tx, const TxHash& hash);

  struct Result {
    std::vector<TxHash> hashes;
    std::optional<size_t> bad;  // The first transaction whose signature is not its sender's.
  };
  // One caller at a time.
  Result VerifyAll(std::span<const SignedTx> txs);

 private:
  struct Job;
  void Work();
  void Run(Job& job);
  bool IsKnown(const SignedTx& tx, const TxHash& hash) const;
  void Remember(const SignedTx& tx, const TxHash& hash);

  const size_t verified_max_;
  mutable std::mutex verified_mutex_;
  std::unordered_map<TxHash, Signature> verified_;  // The hash does not cover the signature.
  std::deque<TxHash> oldest_first_;

  std::mutex job_mutex_;
  std::condition_variable job_ready_;
  std::condition_variable job_done_;
  std::shared_ptr<Job> job_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace gonka::consensus
