#include "gonka/consensus/application.h"

#include <fmt/format.h>

#include <algorithm>

#include "consensus/block_check.h"
#include "consensus/signature_verifier.h"
#include "consensus/state_root_maker.h"
#include "gonka/ledger/queries.h"

namespace gonka::consensus {

Application::Application(store::Database& database, const ApplicationOptions& options)
    : database_(database),
      options_(options),
      verifier_(std::make_unique<SignatureVerifier>(options.verify_threads, options.verified_max)),
      root_maker_(std::make_unique<StateRootMaker>()) {}
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

absl::Status Application::StartStateRoot(const store::SnapshotPtr& snapshot) {
  const std::optional<ledger::StateRootDue> due = ledger::FindStateRootDue(*snapshot);
  if (!due || (state_root_ && state_root_->height == due->height)) return snapshot->status();
  if (root_maker_->Makes(due->height)) return absl::OkStatus();
  GONKA_ASSIGN_OR_RETURN(const auto kept, database_.ReadStateRoot());
  if (kept && kept->height == due->height) {
    state_root_ = kept;
    state_root_kept_ = true;
    return absl::OkStatus();
  }
  GONKA_ASSIGN_OR_RETURN(ledger::Overlay::Changes before, snapshot->GetStateBefore());
  root_maker_->Start(due->height, snapshot, std::move(before));
  return absl::OkStatus();
}

absl::StatusOr<store::CommitOptions> Application::StateRootFor(const Ahead& ahead,
                                                               uint64_t height) {
  GONKA_RETURN_IF_ERROR(StartStateRoot(ahead.snapshot));
  const std::optional<ledger::StateRootDue> due = ledger::FindStateRootDue(ahead.state);
  if (!due) return store::CommitOptions{};
  const bool recorded_now = due->recorded_at == height;
  if (root_maker_->Makes(due->height) && (recorded_now || root_maker_->IsReady())) {
    GONKA_ASSIGN_OR_RETURN(state_root_, root_maker_->Take());
    state_root_kept_ = false;
  }
  const bool known = state_root_ && state_root_->height == due->height;
  if (!known) return store::CommitOptions{.state_root = std::nullopt, .keep_before = true};
  return store::CommitOptions{.state_root = state_root_kept_ ? std::nullopt : state_root_,
                              .keep_before = false};
}

absl::Status Application::Execute(Block block, Ahead& ahead) {
  if (!ahead.blocks.empty()) {
    for (const StateWrite& write : ahead.blocks.back().result.writes) {
      ahead.state.Set(write.key, write.value);
    }
  }
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

  GONKA_ASSIGN_OR_RETURN(store::CommitOptions options, StateRootFor(ahead, block.header.height));
  absl::StatusOr<ledger::BlockResult> result =
      ledger::ApplyBlock(ahead.state, block.header, txs, state_root_);
  // First: a failed read explains everything else.
  GONKA_RETURN_IF_ERROR(ahead.snapshot->status());
  GONKA_RETURN_IF_ERROR(result.status());
  ahead.blocks.push_back(
      {std::move(block), std::move(verified.hashes), *std::move(result), std::move(options)});
  return absl::OkStatus();
}

absl::StatusOr<Hash> Application::FinalizeBlock(Block block) {
  ahead_.reset();
  GONKA_RETURN_IF_ERROR(FinalizeNext(std::move(block)));
  return ahead_->blocks.back().result.app_hash;
}

absl::Status Application::FinalizeNext(Block block) {
  if (ahead_) return Execute(std::move(block), *ahead_);
  GONKA_ASSIGN_OR_RETURN(store::SnapshotPtr snapshot, database_.Snapshot());
  const ledger::View& view = *snapshot;
  auto ahead = std::make_unique<Ahead>(Ahead{std::move(snapshot), ledger::Overlay(view), {}});
  GONKA_RETURN_IF_ERROR(Execute(std::move(block), *ahead));
  ahead_ = std::move(ahead);
  return absl::OkStatus();
}

std::optional<store::Tip> Application::FinalizedTip() const {
  if (!ahead_) return std::nullopt;
  const Pending& last = ahead_->blocks.back();
  store::Tip tip = ahead_->snapshot->tip();
  tip.height = last.block.header.height;
  tip.hash = HashOf(last.block.header);
  tip.app_hash = last.result.app_hash;
  return tip;
}

bool Application::MustCommit() const {
  if (!ahead_) return false;
  // An epoch's first block: the root is computed from a snapshot of just this state.
  for (const StateWrite& write : ahead_->blocks.back().result.writes) {
    if (AsText(write.key) != "c") continue;
    const auto chain = Decode<ledger::Chain>(*write.value);
    return chain.ok() && chain->epoch_first_height == chain->height;
  }
  return false;
}

absl::StatusOr<CommittedBlockPtr> Application::Commit() {
  GONKA_ASSIGN_OR_RETURN(const std::vector<CommittedBlockPtr> committed, CommitAll());
  return committed.back();
}

absl::StatusOr<std::vector<CommittedBlockPtr>> Application::CommitAll() {
  if (!ahead_) return absl::FailedPreconditionError("no block is finalized");
  std::vector<store::Database::BlockCommit> commits;
  bool keeps_root = false;
  for (Pending& pending : ahead_->blocks) {
    // Once for all of them.
    if (keeps_root) pending.options.state_root.reset();
    keeps_root |= pending.options.state_root.has_value();
    commits.push_back({pending.block, pending.result, pending.options});
  }
  GONKA_RETURN_IF_ERROR(database_.CommitBlocks(commits));
  state_root_kept_ |= keeps_root;
  std::vector<CommittedBlockPtr> blocks;
  for (Pending& pending : ahead_->blocks) {
    auto committed = std::make_shared<CommittedBlock>();
    committed->header = pending.block.header;
    committed->hash = HashOf(committed->header);
    committed->app_hash = pending.result.app_hash;
    committed->txs = std::move(pending.txs);
    committed->receipts = std::move(pending.result.receipts);
    committed->notices = std::move(pending.result.notices);
    blocks.push_back(std::move(committed));
  }
  ahead_.reset();
  // What fails here is tried again with the next block.
  if (const auto snapshot = database_.Snapshot(); snapshot.ok()) {
    (void)StartStateRoot(*snapshot);
  }
  return blocks;
}

}  // namespace gonka::consensus
