#pragma once

// Computes the root of an epoch's first state on a thread of its own, while blocks after it are
// committed. One root at a time; the methods from one thread.

#include <atomic>
#include <future>

#include "gonka/ledger/state_root.h"
#include "gonka/store/snapshot.h"

namespace gonka::consensus {

class StateRootMaker {
 public:
  ~StateRootMaker() { Stop(); }

  // Of the state after block `height`: the snapshot's, but for these entries.
  void Start(uint64_t height, store::SnapshotPtr snapshot, ledger::Overlay::Changes before);
  bool Makes(uint64_t height) const { return height_ == height; }
  bool IsReady() const;
  // Once; the next one must be started before the next Take.
  absl::StatusOr<ledger::StateRoot> Take();

 private:
  void Stop();

  std::optional<uint64_t> height_;
  std::atomic<bool> stop_{false};
  std::future<absl::StatusOr<Hash>> root_;
};

}  // namespace gonka::consensus
