#pragma once

// The embedded driver that orders: one process makes the blocks, signs them and reveals beacon
// links; all others follow. Draws are trusted to it (a single sequencer knows the next link), which
// is what CometBFT changes.
//
// One thread: the chain's writer.

#include "gonka/consensus/beacon_chain.h"
#include "gonka/consensus/chain.h"

namespace gonka::consensus {

class Sequencer {
 public:
  // Fails where the key is not the chain's sequencer, or its chain head on the ledger is none of
  // the beacon chain's. The chain must outlive it.
  static absl::StatusOr<std::unique_ptr<Sequencer>> Create(const KeyPair& key, BeaconChain beacon,
                                                           Chain& chain);

  // Makes the next block from the mempool, commits it and returns it: only what is on disk is ever
  // given away, so a restart never signs a second block of one height. time_us is Unix time; where
  // it is not above the last block's, the block's time is the last one's plus one. Empty blocks are
  // made, too: time passes with them.
  absl::StatusOr<Block> ProduceBlock(uint64_t time_us);

  // What the node should send now so that the beacon does not run dry: the end of the next chain,
  // where fewer links are left than two epochs may need and no next end is committed. Ask once in a
  // while, from the writer's thread.
  absl::StatusOr<std::optional<CommitBeacon>> Renewal();

 private:
  Sequencer(const KeyPair& key, BeaconChain beacon, Chain& chain);
  absl::StatusOr<std::optional<Hash>> NextLink(const store::Snapshot& snapshot);

  const KeyPair key_;
  const AccountId account_;
  BeaconChain beacon_;
  Chain& chain_;
};

}  // namespace gonka::consensus
