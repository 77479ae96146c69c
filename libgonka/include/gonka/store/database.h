#pragma once

// A node's memory: the ledger's state, the blocks, and what proofs need, on disk (LMDB) or in
// memory. Both behave alike.
//
// The archive of blocks, leaves and notices is kept whole, as newcomers and audits start from
// genesis; the ledger's own state forgets old epochs.
//
// One transaction commits everything that belongs to a block, so a process that is killed anywhere
// finds itself at a whole block when it starts again.
//
// Threads: commits come from one thread at a time; everything else from any thread.

#include <memory>
#include <string>

#include "gonka/base/status.h"
#include "gonka/ledger/ledger.h"
#include "gonka/ledger/overlay.h"
#include "gonka/store/snapshot.h"

namespace gonka::store {

class Kv;
class MemoryDisk;

struct LmdbOptions {
  // Reserved address space, not disk: the file grows as needed, and a commit that would not fit
  // fails with kResourceExhausted.
  uint64_t map_size = uint64_t{1} << 40;
  uint32_t readers_max = 512;  // Snapshots at one time; one more is refused.
  // Off: a killed process loses nothing, but a power failure may take the file with it.
  bool sync = true;
  // Opens what is there and changes nothing; a commit fails. For a copy that lies still: it is
  // refused while another process writes to the directory.
  bool read_only = false;
};

// While the root of an earlier state is still to be recorded (ledger/state_root.h).
struct CommitOptions {
  // It is known: kept, and what an earlier state was made from is dropped.
  std::optional<ledger::StateRoot> state_root;
  // It is not: what this block overwrites is kept, so that ReadStateBefore gives that state even
  // after a restart.
  bool keep_before = false;
};

class Database {
 public:
  // Opens the directory, made if need be. Fails where
  // - another process has it open (kFailedPrecondition, with its process id),
  // - it should only be read and is not there (kNotFound),
  // - its file is shorter than what was committed (kDataLoss, with both lengths),
  // - it was written in another format (kFailedPrecondition).
  static absl::StatusOr<std::unique_ptr<Database>> OpenLmdb(const std::string& directory,
                                                            const LmdbOptions& options = {});
  static std::unique_ptr<Database> InMemory();
  // On what an earlier one has written there (memory_disk.h); the disk must outlive it.
  static std::unique_ptr<Database> InMemory(const MemoryDisk& disk);
  ~Database();

  // For messages: the directory, or "memory".
  const std::string& name() const { return name_; }
  // Nothing where there is no genesis yet.
  absl::StatusOr<std::optional<Tip>> ReadTip() const;
  // kFailedPrecondition where the directory belongs to another network. An empty one belongs to
  // all.
  absl::Status CheckNetwork(const NetworkId& network) const;

  // The state before the first block; only where there is nothing yet.
  absl::Status CommitGenesis(const Genesis& genesis, const ledger::BlockResult& result);
  // The block must follow the tip. After an error nothing of it is there.
  absl::Status CommitBlock(const Block& block, const ledger::BlockResult& result,
                           const CommitOptions& options = {});

  // Several blocks, each after the one before, in one transaction: all or none of them.
  struct BlockCommit {
    const Block& block;
    const ledger::BlockResult& result;
    CommitOptions options;
  };
  absl::Status CommitBlocks(std::span<const BlockCommit> blocks);

  // The state after a block, with the history up to it, from elsewhere; only where there is nothing
  // yet. Nothing of it is checked here: StateImport (state_sync.h) does. There is no archive before
  // the block, and no leaf of it.
  absl::Status CommitState(const Genesis& genesis, const Block& block,
                           const MerkleFrontier& history, std::span<const StateWrite> state);

  // kFailedPrecondition before genesis, kResourceExhausted beyond readers_max.
  absl::StatusOr<SnapshotPtr> Snapshot() const;

  // The last one that CommitBlock was given.
  absl::StatusOr<std::optional<ledger::StateRoot>> ReadStateRoot() const;

  // The first proof that the sequencer signed two histories is kept for good; later ones are
  // dropped.
  absl::Status KeepEvidence(const Equivocation& evidence);
  absl::StatusOr<std::optional<Equivocation>> ReadEvidence() const;

 private:
  Database(std::string name, std::unique_ptr<Kv> kv);

  std::string name_;
  std::unique_ptr<Kv> kv_;
};

}  // namespace gonka::store
