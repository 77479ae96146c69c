#include "gonka/consensus/application.h"

#include <fmt/format.h>

#include <algorithm>

#include "consensus/block_check.h"
#include "consensus/signature_verifier.h"
#include "gonka/ledger/queries.h"

namespace gonka::consensus {

Application::Application(store::Database& database, const ApplicationOptions& options)
    : database_(database),
      options_(options),
      verifier_(std::make_unique<SignatureVerifier>(options.verify_threads, options.verified_max)) {
}
Application::~Application() = default;

absl::StatusOr<AppInfo> Application::Info() const {
  GONKA_ASSIGN_OR_RETURN(const std::optional<store::Tip> tip, database_.ReadTip());
  if (!tip)
    return absl::FailedPreconditionError(fmt::format("{} has no genesis", database_.name()));
  return AppInfo{tip->network, tip->height, tip->hash, tip->app_hash};
}

absl::Status Application::InitChain(const Genesis& genesis) {
  GONKA_RETURN_IF_ERROR(database_.CheckNetwork(NetworkIdOf(genesis)));
  GONKA_ASSIGN_OR_RETURN(const std::optional<store::Tip> tip, database_.ReadTip());
  if (tip) return absl::OkStatus();
  GONKA_ASSIGN_OR_RETURN(const ledger::BlockResult result, ledger::ApplyGenesis(genesis));
  return database_.CommitGenesis(genesis, result);
}

absl::StatusOr<TxCode> Application::CheckTx(const SignedTx& tx) {
  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, database_.Snapshot());
  // Cheap questions first: a signature costs more than a look into the state.
  const TxCode code = ledger::CheckAdmission(*snapshot, tx);
  GONKA_RETURN_IF_ERROR(snapshot->status());
  if (code != TxCode::kOk) return code;
  return verifier_->Verify(tx, HashOf(tx)) ? TxCode::kOk : TxCode::kBadSignature;
}

absl::StatusOr<std::vector<SignedTx>> Application::PrepareProposal(
    std::vector<SignedTx> candidates) {
  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, database_.Snapshot());
  const size_t txs_max = std::min(options_.block_txs_max, decltype(Block::txs)::kMax);
  std::vector<SignedTx> taken;
  size_t bytes = 0;
  for (SignedTx& tx : candidates) {
    if (taken.size() == txs_max) break;
    if (ledger::CheckAdmission(*snapshot, tx) != TxCode::kOk) continue;
    if (!verifier_->Verify(tx, HashOf(tx))) continue;
    const size_t size = Encode(tx).size();
    if (size > options_.block_bytes_max - bytes) continue;
    bytes += size;
    taken.push_back(std::move(tx));
  }
  GONKA_RETURN_IF_ERROR(snapshot->status());
  return taken;
}

absl::Status Application::ProcessProposal(const Block& block) const {
  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, database_.Snapshot());
  const store::Tip& tip = snapshot->tip();
  GONKA_RETURN_IF_ERROR(CheckSignedBy(block, tip.network, ledger::ReadChain(*snapshot).sequencer));
  GONKA_RETURN_IF_ERROR(CheckPrevious(block.header, tip));
  GONKA_RETURN_IF_ERROR(CheckAppHash(block.header, tip));
  return CheckTxs(block);
}

absl::StatusOr<Hash> Application::FinalizeBlock(Block block) {
  pending_.reset();
  SignatureVerifier::Result verified = verifier_->VerifyAll(block.txs);
  if (verified.bad) {
    return absl::InvalidArgumentError(
        fmt::format("block {}: the signature of transaction number {} ({}) is not that of {}",
                    block.header.height, *verified.bad, Hex(verified.hashes[*verified.bad]),
                    Hex(block.txs[*verified.bad].sender)));
  }
  std::vector<ledger::VerifiedTx> txs;
  txs.reserve(block.txs.size());
  for (size_t i = 0; i < block.txs.size(); ++i) txs.push_back({block.txs[i], verified.hashes[i]});

  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, database_.Snapshot());
  absl::StatusOr<ledger::BlockResult> result = ledger::ApplyBlock(*snapshot, block.header, txs);
  GONKA_RETURN_IF_ERROR(snapshot->status());  // First: a failed read explains everything else.
  GONKA_RETURN_IF_ERROR(result.status());
  const Hash app_hash = result->app_hash;
  pending_ = Pending{std::move(block), std::move(verified.hashes), *std::move(result)};
  return app_hash;
}

absl::StatusOr<CommittedBlockPtr> Application::Commit() {
  if (!pending_) return absl::FailedPreconditionError("no block is finalized");
  GONKA_RETURN_IF_ERROR(database_.CommitBlock(pending_->block, pending_->result));
  auto committed = std::make_shared<CommittedBlock>();
  committed->header = pending_->block.header;
  committed->hash = HashOf(committed->header);
  committed->app_hash = pending_->result.app_hash;
  committed->txs = std::move(pending_->txs);
  committed->receipts = std::move(pending_->result.receipts);
  committed->notices = std::move(pending_->result.notices);
  pending_.reset();
  return committed;
}

}  // namespace gonka::consensus
