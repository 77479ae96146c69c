#include "gonka/consensus/replay.h"

#include <fmt/format.h>

#include <map>

#include "consensus/block_check.h"
#include "consensus/signature_verifier.h"
#include "gonka/ledger/queries.h"

namespace gonka::consensus {
namespace {

// The state alone: the archive is in the recording.
class StateMap final : public ledger::View {
 public:
  std::optional<Bytes> Get(ByteSpan key) const override {
    const auto it = entries_.find(ToBytes(key));
    if (it == entries_.end()) return std::nullopt;
    return it->second;
  }
  void Scan(ByteSpan prefix, ByteSpan from,
            const std::function<bool(ByteSpan, ByteSpan)>& visit) const override {
    const Bytes first = std::max(ToBytes(prefix), ToBytes(from));
    for (auto it = entries_.lower_bound(first); it != entries_.end(); ++it) {
      const auto& [key, value] = *it;
      if (key.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), key.begin())) {
        return;
      }
      if (!visit(key, value)) return;
    }
  }
  void Apply(const std::vector<StateWrite>& writes) {
    for (const StateWrite& write : writes) {
      if (write.value) {
        entries_[write.key] = *write.value;
      } else {
        entries_.erase(write.key);
      }
    }
  }

 private:
  std::map<Bytes, Bytes> entries_;
};

// What differs, or nothing.
using Difference = std::optional<std::string>;

Difference DifferenceOf(const absl::Status& status) {
  return status.ok() ? Difference() : Message(status);
}

class Replayer {
 public:
  explicit Replayer(const ReplayOptions& options) : options_(options) {}

  Difference Start(const Genesis& genesis, const store::BlockInfo& recorded) {
    const auto result = ledger::ApplyGenesis(genesis);
    if (!result.ok()) return DifferenceOf(result.status());
    tip_.network = NetworkIdOf(genesis);
    return Take(*result, recorded);
  }

  Difference Next(const Block& block, const store::BlockInfo& recorded) {
    if (const Difference refused = DifferenceOf(Check(block))) return refused;
    const SignatureVerifier::Result verified = verifier_.VerifyAll(block.txs);
    if (verified.bad) {
      return fmt::format("the signature of transaction number {} is not its sender's",
                         *verified.bad);
    }
    std::vector<ledger::VerifiedTx> txs;
    for (size_t i = 0; i < block.txs.size(); ++i) {
      txs.push_back({block.txs[i], verified.hashes[i]});
      report_.events += block.txs[i].events.size();
    }
    report_.txs += txs.size();
    const auto result = ledger::ApplyBlock(state_, block.header, txs);
    if (!result.ok()) return DifferenceOf(result.status());
    tip_.height = block.header.height;
    tip_.hash = HashOf(block.header);
    return Take(*result, recorded);
  }

  ReplayReport& report() { return report_; }

 private:
  absl::Status Check(const Block& block) const {
    GONKA_RETURN_IF_ERROR(CheckSignedBy(block, tip_.network, ledger::ReadChain(state_).sequencer));
    GONKA_RETURN_IF_ERROR(CheckPrevious(block.header, tip_));
    GONKA_RETURN_IF_ERROR(CheckAppHash(block.header, tip_));
    return CheckTxs(block);
  }

  Difference Take(const ledger::BlockResult& result, const store::BlockInfo& recorded) {
    if (tip_.hash != recorded.hash) {
      return fmt::format("its hash is {}, recorded as {}", Hex(tip_.hash), Hex(recorded.hash));
    }
    if (result.app_hash != recorded.app_hash) {
      return fmt::format("the app hash after it is {}, recorded as {}", Hex(result.app_hash),
                         Hex(recorded.app_hash));
    }
    tip_.app_hash = result.app_hash;
    state_.Apply(result.writes);
    report_.height = tip_.height;
    if (!options_.check_invariants) return std::nullopt;
    return DifferenceOf(ledger::CheckInvariants(state_));
  }

  const ReplayOptions& options_;
  SignatureVerifier verifier_{2, 0};
  StateMap state_;
  store::Tip tip_;
  ReplayReport report_;
};

// A snapshot of its own, so that a long replay holds none for long.
absl::StatusOr<Difference> ReplayBlock(const store::Database& recorded, uint64_t height,
                                       Replayer& replayer) {
  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, recorded.Snapshot());
  GONKA_ASSIGN_OR_RETURN(const store::BlockInfo info, snapshot->GetInfo(height));
  if (height == 0) {
    GONKA_ASSIGN_OR_RETURN(const Genesis genesis, snapshot->GetGenesis());
    return replayer.Start(genesis, info);
  }
  GONKA_ASSIGN_OR_RETURN(const Block block, snapshot->GetBlock(height));
  return replayer.Next(block, info);
}

}  // namespace

absl::StatusOr<ReplayReport> Replay(const store::Database& recorded, const ReplayOptions& options) {
  GONKA_ASSIGN_OR_RETURN(const std::optional<store::Tip> tip, recorded.ReadTip());
  if (!tip) {
    return absl::FailedPreconditionError(fmt::format("{} has no genesis", recorded.name()));
  }
  const uint64_t until = std::min(options.until, tip->height);
  Replayer replayer(options);
  for (uint64_t height = 0; height <= until; ++height) {
    GONKA_ASSIGN_OR_RETURN(const Difference difference, ReplayBlock(recorded, height, replayer));
    if (difference) {
      replayer.report().differs_at = height;
      replayer.report().difference = fmt::format("block {}: {}", height, *difference);
      break;
    }
    if (options.progress) options.progress(height, until);
  }
  return std::move(replayer.report());
}

}  // namespace gonka::consensus
