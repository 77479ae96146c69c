#pragma once

// The embedded driver that follows: takes the sequencer's signed blocks in order, checks and
// re-executes each, and commits it. It trusts nobody with the result: its own app hash must be the
// one that the next header carries.
//
// A block that is merely wrong (tampered, out of order, not the sequencer's) is refused, and the
// right one may still come from elsewhere. What the sequencer itself signed and cannot stand stops
// the follower for good: another app hash, a block that breaks the rules, two histories.
//
// One thread: the chain's writer. halted() from any.

#include <mutex>

#include "gonka/consensus/chain.h"

namespace gonka::consensus {

// Why a follower stopped.
struct Halt {
  uint64_t height = 0;
  std::string reason;  // Names the height and both hashes.
  std::optional<store::Equivocation> evidence;
};

class Follower {
 public:
  // Starts halted where the database holds evidence of two histories. The chain must outlive it.
  static absl::StatusOr<std::unique_ptr<Follower>> Create(Chain& chain);

  // OK: committed. kAlreadyExists: it is in the chain. kOutOfRange: blocks before it are missing.
  // kInvalidArgument: it is not what the sequencer signed. kAborted: the follower has stopped, now
  // or before; the message is the halt's reason. Anything else: the database failed; try again.
  absl::Status Offer(Block block);

  // Several, ascending, as they were fetched: committed together, so that catching up does not wait
  // for the disk at every block. Goes on until one is not OK or all are taken, and says what Offer
  // says of that one; kAlreadyExists is passed over.
  absl::Status OfferAll(std::vector<Block> blocks);

  // The height that should be offered next.
  uint64_t next_height() const { return chain_.height() + 1; }
  std::optional<Halt> halted() const;

 private:
  explicit Follower(Chain& chain);
  absl::Status CheckKnown(const store::Snapshot& snapshot, const Block& block);
  absl::Status CheckNext(const store::Snapshot& snapshot, const Block& block);
  absl::Status StopFor(const store::Snapshot& snapshot, uint64_t our_height, const Block& theirs);
  absl::Status Stop(Halt halt);

  Chain& chain_;
  mutable std::mutex mutex_;
  std::optional<Halt> halt_;
};

}  // namespace gonka::consensus
