#include "gonka/consensus/follower.h"

#include <fmt/format.h>

#include <algorithm>

#include "consensus/block_check.h"
#include "gonka/ledger/queries.h"

namespace gonka::consensus {
namespace {

// Blocks in one transaction: enough that the disk hardly counts, and little to lose.
constexpr size_t kTogetherMax = 128;

std::string Describe(const store::Equivocation& evidence) {
  return fmt::format(
      "the sequencer {} signed two histories: block {} with hash {}, and block {} with hash {} on "
      "{}",
      Hex(evidence.ours.proposer), evidence.ours.height, Hex(HashOf(evidence.ours)),
      evidence.theirs.height, Hex(HashOf(evidence.theirs)), Hex(evidence.theirs.previous));
}

Halt HaltFor(const store::Equivocation& evidence) {
  return {evidence.theirs.height, Describe(evidence), evidence};
}

}  // namespace

Follower::Follower(Chain& chain) : chain_(chain) {}

absl::StatusOr<std::unique_ptr<Follower>> Follower::Create(Chain& chain) {
  std::unique_ptr<Follower> follower(new Follower(chain));
  GONKA_ASSIGN_OR_RETURN(const auto evidence, chain.database().ReadEvidence());
  if (evidence) follower->halt_ = HaltFor(*evidence);
  return follower;
}

std::optional<Halt> Follower::halted() const {
  std::lock_guard lock(mutex_);
  return halt_;
}

absl::Status Follower::Offer(Block block) {
  if (const auto halt = halted()) return absl::AbortedError(halt->reason);
  GONKA_ASSIGN_OR_RETURN(store::SnapshotPtr snapshot, chain_.Snapshot());
  const uint64_t height = block.header.height;
  if (height <= snapshot->height()) return CheckKnown(*snapshot, block);
  if (height > snapshot->height() + 1) {
    return absl::OutOfRangeError(
        fmt::format("block {} is offered, block {} is next", height, snapshot->height() + 1));
  }
  GONKA_RETURN_IF_ERROR(CheckNext(*snapshot, block));
  snapshot.reset();
  const absl::Status appended = chain_.Append(std::move(block)).status();
  if (!absl::IsInvalidArgument(appended)) return appended;
  return Stop(
      {height,
       fmt::format("the sequencer signed a block that breaks the rules: {}", Message(appended)),
       std::nullopt});
}

absl::Status Follower::OfferAll(std::vector<Block> blocks) {
  GONKA_ASSIGN_OR_RETURN(store::SnapshotPtr snapshot, chain_.Snapshot());
  const AccountId sequencer = ledger::ReadChain(*snapshot).sequencer;
  snapshot.reset();
  const auto fits = [&](const Block& block, const store::Tip& tip) {
    return CheckSignedBy(block, tip.network, sequencer).ok() && CheckTxs(block).ok() &&
           CheckPrevious(block.header, tip).ok() && CheckAppHash(block.header, tip).ok();
  };
  size_t next = 0;
  while (next < blocks.size()) {
    if (const auto halt = halted()) return absl::AbortedError(halt->reason);
    const auto first = blocks.begin() + static_cast<std::ptrdiff_t>(next);
    std::vector<Block> batch(
        first, first + static_cast<std::ptrdiff_t>(std::min(blocks.size() - next, kTogetherMax)));
    GONKA_ASSIGN_OR_RETURN(const size_t appended, chain_.AppendWhile(std::move(batch), fits));
    next += appended;
    if (next == blocks.size()) break;
    if (appended == kTogetherMax) continue;
    // The first that does not simply follow: Offer knows why.
    const absl::Status offered = Offer(std::move(blocks[next++]));
    if (!offered.ok() && !absl::IsAlreadyExists(offered)) return offered;
  }
  return absl::OkStatus();
}

absl::Status Follower::CheckKnown(const store::Snapshot& snapshot, const Block& block) {
  const uint64_t height = block.header.height;
  if (height == 0) return absl::InvalidArgumentError("block 0 is genesis, which is not offered");
  GONKA_ASSIGN_OR_RETURN(const store::BlockInfo ours, snapshot.GetInfo(height));
  if (ours.hash == HashOf(block.header)) {
    return absl::AlreadyExistsError(fmt::format("block {} is in the chain", height));
  }
  GONKA_RETURN_IF_ERROR(
      CheckSignedBy(block, snapshot.tip().network, ledger::ReadChain(snapshot).sequencer));
  return StopFor(snapshot, height, block);
}

absl::Status Follower::CheckNext(const store::Snapshot& snapshot, const Block& block) {
  const store::Tip& tip = snapshot.tip();
  GONKA_RETURN_IF_ERROR(CheckSignedBy(block, tip.network, ledger::ReadChain(snapshot).sequencer));
  // From here on the header is the sequencer's own word. That its transactions are others than it
  // says is the doing of whoever passed it on.
  GONKA_RETURN_IF_ERROR(CheckTxs(block));
  const absl::Status previous = CheckPrevious(block.header, tip);
  if (!previous.ok() && tip.height > 0) return StopFor(snapshot, tip.height, block);
  if (!previous.ok()) return Stop({block.header.height, Message(previous), std::nullopt});
  const absl::Status app_hash = CheckAppHash(block.header, tip);
  if (!app_hash.ok()) return Stop({block.header.height, Message(app_hash), std::nullopt});
  return absl::OkStatus();
}

absl::Status Follower::StopFor(const store::Snapshot& snapshot, uint64_t our_height,
                               const Block& theirs) {
  GONKA_ASSIGN_OR_RETURN(const Block ours, snapshot.GetBlock(our_height));
  const store::Equivocation evidence{.ours = ours.header,
                                     .our_signature = ours.signature,
                                     .theirs = theirs.header,
                                     .their_signature = theirs.signature};
  // Stopped either way; without the evidence on disk a restart would have to meet it again.
  const absl::Status kept = chain_.database().KeepEvidence(evidence);
  const absl::Status stopped = Stop(HaltFor(evidence));
  return kept.ok() ? stopped
                   : Annotate(stopped, "the evidence could not be stored: " + Message(kept));
}

absl::Status Follower::Stop(Halt halt) {
  std::lock_guard lock(mutex_);
  halt_ = std::move(halt);
  return absl::AbortedError(halt_->reason);
}

}  // namespace gonka::consensus
