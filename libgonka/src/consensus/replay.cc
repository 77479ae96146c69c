#include "gonka/consensus/replay.h"

#include <fmt/format.h>

#include "consensus/block_check.h"
#include "consensus/replay_totals.h"
#include "consensus/signature_verifier.h"
#include "gonka/ledger/queries.h"
#include "gonka/ledger/state_root.h"
#include "gonka/store/shadow.h"

namespace gonka::consensus {
namespace {

// What differs, or nothing.
using Difference = std::optional<std::string>;

Difference DifferenceOf(const absl::Status& status) {
  return status.ok() ? Difference() : Message(status);
}

Difference Conserved(const ledger::Totals& totals) {
  const ledger::CoinSums sums = ledger::CoinSumsOf(totals);
  if (sums.made == sums.there) return std::nullopt;
  return fmt::format("invariant broken: {} coins were made, {} are there",
                     static_cast<uint64_t>(sums.made), static_cast<uint64_t>(sums.there));
}

class Replayer {
 public:
  explicit Replayer(const ReplayOptions& options) : options_(options) {}

  absl::StatusOr<Difference> Start(const store::Snapshot& recorded) {
    GONKA_ASSIGN_OR_RETURN(const Genesis genesis, recorded.GetGenesis());
    const auto result = ledger::ApplyGenesis(genesis);
    if (!result.ok()) return DifferenceOf(result.status());
    tip_.network = NetworkIdOf(genesis);
    if (tip_.network != recorded.tip().network) {
      return Difference(fmt::format("genesis is of network {}, the recording of {}",
                                    Hex(tip_.network), Hex(recorded.tip().network)));
    }
    AddNotices(report_.totals, *result);
    shadow_.TakeGenesis(genesis, *result);
    return Compare(recorded, 0);
  }

  absl::StatusOr<Difference> Next(const store::Snapshot& recorded, uint64_t height) {
    GONKA_ASSIGN_OR_RETURN(const Block block, recorded.GetBlock(height));
    if (const Difference refused = DifferenceOf(Check(block))) return refused;
    const SignatureVerifier::Result verified = verifier_.VerifyAll(block.txs);
    if (verified.bad) {
      return Difference(
          fmt::format("the signature of transaction number {} is not its sender's", *verified.bad));
    }
    std::vector<ledger::VerifiedTx> txs;
    uint64_t events = 0;
    for (size_t i = 0; i < block.txs.size(); ++i) {
      txs.push_back({block.txs[i], verified.hashes[i]});
      events += block.txs[i].events.size();
    }
    const auto result = ledger::ApplyBlock(shadow_, block.header, txs, state_root_);
    if (!result.ok()) return DifferenceOf(result.status());
    AddBlock(report_.totals, shadow_, block, *result);
    shadow_.TakeBlock(block, *result);
    if (const auto due = ledger::FindStateRootDue(shadow_); due && due->height == height) {
      state_root_ = ledger::StateRoot{.height = height, .root = ledger::StateRootOf(shadow_)};
    }
    GONKA_ASSIGN_OR_RETURN(Difference difference, Compare(recorded, height));
    if (!difference) {
      report_.txs += txs.size();
      report_.events += events;
    }
    return difference;
  }

  // After the last block.
  absl::StatusOr<Difference> Finish(const store::Snapshot& recorded) {
    consensus::Finish(report_.totals, shadow_);
    if (options_.check_invariants_by_epoch) {
      if (const Difference broken = DifferenceOf(ledger::CheckInvariants(shadow_))) return broken;
    }
    if (!options_.check_recording || recorded.height() != shadow_.tip().height) return Difference();
    if (recorded.tip() != shadow_.tip()) {
      return Difference(fmt::format("the recorded tip has hash {} and app hash {}, not {} and {}",
                                    Hex(recorded.tip().hash), Hex(recorded.tip().app_hash),
                                    Hex(shadow_.tip().hash), Hex(shadow_.tip().app_hash)));
    }
    return shadow_.CompareState(recorded);
  }

  ReplayReport& report() { return report_; }

 private:
  absl::Status Check(const Block& block) const {
    GONKA_RETURN_IF_ERROR(CheckSignedBy(block, tip_.network, ledger::ReadChain(shadow_).sequencer));
    GONKA_RETURN_IF_ERROR(CheckPrevious(block.header, tip_));
    GONKA_RETURN_IF_ERROR(CheckAppHash(block.header, tip_));
    return CheckTxs(block);
  }

  // What the shadow has taken last against the recording.
  absl::StatusOr<Difference> Compare(const store::Snapshot& recorded, uint64_t height) {
    const store::Tip& tip = shadow_.tip();
    GONKA_ASSIGN_OR_RETURN(const store::BlockInfo info, recorded.GetInfo(height));
    if (tip.hash != info.hash) {
      return Difference(
          fmt::format("its hash is {}, recorded as {}", Hex(tip.hash), Hex(info.hash)));
    }
    if (tip.app_hash != info.app_hash) {
      return Difference(fmt::format("the app hash after it is {}, recorded as {}",
                                    Hex(tip.app_hash), Hex(info.app_hash)));
    }
    if (options_.check_recording) {
      GONKA_ASSIGN_OR_RETURN(const Difference archive, shadow_.CompareArchive(recorded));
      if (archive) return archive;
    }
    if (const Difference broken = CheckRules()) return broken;
    tip_ = tip;
    report_.height = tip_.height;
    report_.hash = tip_.hash;
    report_.app_hash = tip_.app_hash;
    return Difference();
  }

  Difference CheckRules() const {
    const ledger::Chain chain = ledger::ReadChain(shadow_);
    if (const Difference broken = Conserved(chain.totals)) return broken;
    const bool begins = chain.height == chain.epoch_first_height;
    if (!options_.check_invariants && !(options_.check_invariants_by_epoch && begins)) {
      return std::nullopt;
    }
    return DifferenceOf(ledger::CheckInvariants(shadow_));
  }

  const ReplayOptions& options_;
  SignatureVerifier verifier_{2, 0};
  store::Shadow shadow_;
  std::optional<ledger::StateRoot> state_root_;  // Of the epoch's first state.
  store::Tip tip_;                               // The last block that agreed.
  ReplayReport report_;
};

}  // namespace

absl::StatusOr<ReplayReport> Replay(const store::Database& recorded, const ReplayOptions& options) {
  GONKA_ASSIGN_OR_RETURN(const std::optional<store::Tip> tip, recorded.ReadTip());
  if (!tip) {
    return absl::FailedPreconditionError(fmt::format("{} has no genesis", recorded.name()));
  }
  const uint64_t until = std::min(options.until, tip->height);
  Replayer replayer(options);
  ReplayReport& report = replayer.report();
  const auto note = [&](uint64_t height, const Difference& difference) {
    if (!difference) return;
    report.differs_at = height;
    report.difference = fmt::format("block {}: {}", height, *difference);
  };
  for (uint64_t height = 0; height <= until && !report.differs_at; ++height) {
    // A snapshot of its own, so that a long replay holds none for long.
    GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, recorded.Snapshot());
    GONKA_ASSIGN_OR_RETURN(const Difference difference, height == 0
                                                            ? replayer.Start(*snapshot)
                                                            : replayer.Next(*snapshot, height));
    note(height, difference);
    if (!difference && options.progress) options.progress(height, until);
  }
  if (report.differs_at) return std::move(report);
  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, recorded.Snapshot());
  GONKA_ASSIGN_OR_RETURN(const Difference difference, replayer.Finish(*snapshot));
  note(until, difference);
  return std::move(report);
}

}  // namespace gonka::consensus
