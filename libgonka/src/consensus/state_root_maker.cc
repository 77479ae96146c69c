#include "consensus/state_root_maker.h"

#include <chrono>

namespace gonka::consensus {
namespace {

absl::StatusOr<Hash> Make(const store::Snapshot& snapshot, ledger::Overlay::Changes before,
                          const std::atomic<bool>& stop) {
  std::vector<Hash> chunks;
  const ledger::Overlay state(snapshot, std::move(before));
  GONKA_RETURN_IF_ERROR(ledger::CutState(state, [&](const Bytes& chunk) {
    chunks.push_back(MerkleLeaf(chunk));
    return stop ? absl::CancelledError("the node stops") : absl::OkStatus();
  }));
  GONKA_RETURN_IF_ERROR(snapshot.status());
  return MerkleRoot(chunks);
}

}  // namespace

void StateRootMaker::Start(uint64_t height, store::SnapshotPtr snapshot,
                           ledger::Overlay::Changes before) {
  Stop();
  stop_ = false;
  height_ = height;
  root_ = std::async(std::launch::async,
                     [this, snapshot = std::move(snapshot), before = std::move(before)]() mutable {
                       return Make(*snapshot, std::move(before), stop_);
                     });
}

bool StateRootMaker::IsReady() const {
  return root_.valid() && root_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
}

absl::StatusOr<ledger::StateRoot> StateRootMaker::Take() {
  const uint64_t height = height_.value();
  height_.reset();
  GONKA_ASSIGN_OR_RETURN(const Hash root, root_.get());
  return ledger::StateRoot{.height = height, .root = root};
}

void StateRootMaker::Stop() {
  stop_ = true;
  if (root_.valid()) root_.wait();
  height_.reset();
}

}  // namespace gonka::consensus
