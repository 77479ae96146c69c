#pragma once

// A node's copy of the chain: database, application and mempool in one, and the place where the
// rest of the node hears of new blocks. The sequencer or the follower appends; everything else
// reads snapshots and submits transactions.
//
// Threads: Append from one thread at a time (the writer); all else from any. Listeners run on the
// writer's thread, in order of height, after the block is on disk; they should post to their own
// loop and return.

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "gonka/consensus/application.h"
#include "gonka/consensus/mempool.h"

namespace gonka::consensus {

struct ChainOptions {
  ApplicationOptions application;
  MempoolOptions mempool;
};

class Chain {
 public:
  using Listener = std::function<void(const CommittedBlockPtr&)>;
  using SubscriptionId = uint64_t;

  // Starts from genesis where the database is empty, and otherwise continues after its last block.
  // Fails where the database belongs to another network.
  static absl::StatusOr<std::unique_ptr<Chain>> Open(std::unique_ptr<store::Database> database,
                                                     const Genesis& genesis,
                                                     const ChainOptions& options = {});
  ~Chain();

  const Genesis& genesis() const { return genesis_; }
  const NetworkId& network() const { return network_; }
  // Of the last committed block; 0 is genesis.
  uint64_t height() const { return height_; }

  absl::StatusOr<store::SnapshotPtr> Snapshot() const { return database_->Snapshot(); }
  // See Snapshot::EncodedBlocks.
  absl::StatusOr<std::vector<Bytes>> EncodedBlocks(uint64_t from, size_t bytes_max) const;

  // Puts a transaction into the mempool. kOk too where it waits there already; kQuotaExceeded where
  // this sender has too many; other codes where the rules refuse it now. kResourceExhausted where
  // the mempool is full.
  absl::StatusOr<TxCode> SubmitTx(SignedTx tx);

  // Blocks committed from now on. After Unsubscribe has returned, the listener is not called again
  // and does not run, unless it is the listener itself that calls it.
  SubscriptionId Subscribe(Listener listener);
  void Unsubscribe(SubscriptionId subscription);

  // Executes the block, commits it, clears the mempool of it and tells the listeners. The block
  // must be checked (Sequencer and Follower do): only its transactions' signatures and the ledger's
  // own rules are checked here.
  absl::StatusOr<CommittedBlockPtr> Append(Block block);
  // The same for the first of these blocks that fit, each asked about with the tip it would follow:
  // one transaction for all of them, or a few. Says how many were appended.
  absl::StatusOr<size_t> AppendWhile(
      std::vector<Block> blocks,
      const std::function<bool(const Block& block, const store::Tip& tip)>& fits);

  Application& application() { return *application_; }
  Mempool& mempool() { return mempool_; }
  store::Database& database() { return *database_; }

 private:
  Chain(std::unique_ptr<store::Database> database, const Genesis& genesis,
        const ChainOptions& options);
  absl::StatusOr<size_t> CommitAll(const std::set<AccountId>& senders);
  void CleanMempool(const CommittedBlock& block, const std::set<AccountId>& senders);
  void Notify(const CommittedBlockPtr& block);

  const std::unique_ptr<store::Database> database_;
  const Genesis genesis_;
  const NetworkId network_;
  const std::unique_ptr<Application> application_;
  Mempool mempool_;
  std::atomic<uint64_t> height_{0};
  std::mutex append_mutex_;
  std::recursive_mutex listeners_mutex_;  // Held while listeners run.
  std::map<SubscriptionId, Listener> listeners_;
  SubscriptionId last_subscription_ = 0;
};

}  // namespace gonka::consensus
