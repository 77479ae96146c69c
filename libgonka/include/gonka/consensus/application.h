#pragma once

// The ledger as a replicated application, in the shape of ABCI 2.0: whoever orders transactions
// (the embedded sequencer, a follower of it, CometBFT, a replay) drives these methods.
//
//   InitChain once; then for every height
//   PrepareProposal (the proposer) -> ProcessProposal (everyone) -> FinalizeBlock -> Commit
//
// FinalizeBlock computes and keeps the result; only Commit writes, in one transaction.
//
// At an epoch's first block the root of the state begins to be computed from a snapshot, on a
// thread of its own; the block that records it waits for it.
//
// Threads: CheckTx, Info and Query from any; the others from one thread at a time.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gonka/ledger/ledger.h"
#include "gonka/store/database.h"

namespace gonka::consensus {

class SignatureVerifier;
class StateRootMaker;

struct ApplicationOptions {
  unsigned verify_threads = 2;       // For signatures of blocks, the caller's thread included.
  size_t verified_max = 65'536;      // Transactions remembered as already verified.
  size_t block_txs_max = 4'096;      // What Block holds at most, at any rate.
  size_t block_bytes_max = 4 << 20;  // Of encoded transactions.
};

struct AppInfo {
  NetworkId network;
  uint64_t height = 0;
  BlockHash block_hash;
  Hash app_hash;  // After this block.
};

// A block that is on disk, and what came of it.
struct CommittedBlock {
  BlockHeader header;
  BlockHash hash;
  Hash app_hash;  // After this block.
  std::vector<TxHash> txs;
  std::vector<Receipt> receipts;
  std::vector<Notice> notices;
};
using CommittedBlockPtr = std::shared_ptr<const CommittedBlock>;

// path "state": data is a state key, value what it maps to.
// path "notice": data is u64 height and u32 index, little-endian; value an encoded Notice.
// path "receipt": data is a transaction hash and u32 index; value an encoded Receipt.
// path "block": data is u64 height; value an encoded Block; has no proof.
struct Query {
  std::string path;
  Bytes data;
  bool prove = false;
};
struct QueryResult {
  uint64_t height = 0;  // The tip at which it was answered.
  Bytes value;
  std::optional<InclusionProof> proof;
};

class Application {
 public:
  // The database must outlive the application.
  explicit Application(store::Database& database, const ApplicationOptions& options = {});
  ~Application();

  // kFailedPrecondition before InitChain.
  absl::StatusOr<AppInfo> Info() const;
  // Writes genesis into an empty database; does nothing where this very genesis is there; names
  // both networks where another is.
  absl::Status InitChain(const Genesis& genesis);

  // Would this transaction be taken now? Network, signature, sequence, sender. A status only where
  // the database fails.
  absl::StatusOr<TxCode> CheckTx(const SignedTx& tx);

  // Those of the candidates that fit into a block and would be admitted, in order.
  absl::StatusOr<std::vector<SignedTx>> PrepareProposal(std::vector<SignedTx> candidates);
  // Does the block follow the tip, and is it signed by the sequencer? Does not execute it.
  absl::Status ProcessProposal(const Block& block) const;

  // Verifies the transactions' signatures and executes the block. Gives the app hash after it.
  // A second call replaces the result of the first.
  absl::StatusOr<Hash> FinalizeBlock(Block block);
  // Makes the finalized block durable. After an error it may be tried again.
  absl::StatusOr<CommittedBlockPtr> Commit();

  // The same for several blocks, for who has many to catch up with: each is executed on top of
  // those that are finalized and not committed; after an error those before it stay.
  absl::Status FinalizeNext(Block block);
  // After the last one that is finalized; nothing where none is.
  std::optional<store::Tip> FinalizedTip() const;
  // Whether what is finalized must be committed before anything is executed on top of it.
  bool MustCommit() const;
  // In one transaction.
  absl::StatusOr<std::vector<CommittedBlockPtr>> CommitAll();

  // kInvalidArgument for an unknown path or malformed data, kNotFound, kUnavailable where the proof
  // needs the next block.
  absl::StatusOr<QueryResult> Query(const consensus::Query& query) const;

  const ApplicationOptions& options() const { return options_; }

 private:
  struct Pending {
    Block block;
    std::vector<TxHash> txs;
    ledger::BlockResult result;
    store::CommitOptions options;
  };

  // What is finalized.
  struct Ahead {
    store::SnapshotPtr snapshot;  // Before it.
    ledger::Overlay state;        // After all of its blocks but the last.
    std::vector<Pending> blocks;
  };

  absl::Status Execute(Block block, Ahead& ahead);
  // Begins to compute the root that is due next, where that is not done already.
  absl::Status StartStateRoot(const store::SnapshotPtr& snapshot);
  // What is known of it when this block is executed; waits where the block records it.
  absl::StatusOr<store::CommitOptions> StateRootFor(const Ahead& ahead, uint64_t height);

  store::Database& database_;
  const ApplicationOptions options_;
  const std::unique_ptr<SignatureVerifier> verifier_;
  std::unique_ptr<Ahead> ahead_;
  const std::unique_ptr<StateRootMaker> root_maker_;
  std::optional<ledger::StateRoot> state_root_;  // The last one that was made or read.
  bool state_root_kept_ = false;                 // It is in the database.
};

}  // namespace gonka::consensus
