#pragma once

// The ledger's state after one block, in chunks that can be fetched from anybody and are checked
// one by one, so that a newcomer need not execute the chain from genesis. What comes this way has
// no archive: blocks, proofs and audits begin after it.
//
// Whoever has a state writes it into a directory once an epoch and hands out the files; whoever
// wants it collects the files in a directory of its own, over as many restarts as it takes, and
// then commits them at once. Nothing is believed but the root that the reader brings along: the
// Merkle root over the chunks, each a leaf.
//
// One thread at a time for each directory.

#include <memory>
#include <string>
#include <vector>

#include "gonka/ledger/state_root.h"
#include "gonka/store/database.h"

namespace gonka::store {

using ledger::StateChunk;
using ledger::StateEntry;

struct StateManifest {
  static constexpr RecordKind kKind{205, 1};
  Block block;                                 // The last one, after which the state stands so.
  List<Hash, ledger::kStateChunksMax> chunks;  // MerkleLeaf of each encoded StateChunk.
  GONKA_FIELDS(StateManifest, block, chunks)
};
Hash StateRootOf(const StateManifest& manifest);

// Writes the state into a new directory, which appears there whole or not at all. Reads from the
// snapshot for as long as that takes. kAlreadyExists; kFailedPrecondition at genesis.
absl::StatusOr<StateManifest> ExportState(const Snapshot& snapshot, const std::string& directory);
// From a directory that ExportState or StateImport wrote. kNotFound; kDataLoss where the manifest
// does not decode. The chunk is given as it is there: whoever takes it checks it.
absl::StatusOr<StateManifest> ReadStateManifest(const std::string& directory);
absl::StatusOr<Bytes> ReadStateChunk(const std::string& directory, uint32_t index);

class StateImport {
 public:
  // Begins, or goes on, in this directory: chunks that are there and fit are kept, others removed.
  // kInvalidArgument where the manifest's root is another one than the trusted root, naming both.
  static absl::StatusOr<std::unique_ptr<StateImport>> Open(const std::string& directory,
                                                           const StateManifest& manifest,
                                                           const Hash& trusted_root);

  // Chunks that are still wanted, ascending.
  std::vector<uint32_t> Missing() const;
  // kInvalidArgument where it is not that chunk (with both hashes): ask somebody else.
  // kAlreadyExists; kOutOfRange.
  absl::Status Add(uint32_t index, ByteSpan chunk);
  // Puts the state into an empty database, in one transaction; takes memory of its size.
  // kFailedPrecondition while chunks are missing, or where the database is not empty;
  // kInvalidArgument where genesis is of another network, or the block is not the one that leads to
  // this state.
  absl::Status Commit(Database& database, const Genesis& genesis) const;

 private:
  StateImport(std::string directory, StateManifest manifest);

  const std::string directory_;
  const StateManifest manifest_;
  std::vector<bool> present_;
};

}  // namespace gonka::store
