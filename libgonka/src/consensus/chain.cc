#include "gonka/consensus/chain.h"

#include <fmt/format.h>

#include "gonka/ledger/ledger.h"

namespace gonka::consensus {

absl::StatusOr<std::unique_ptr<Chain>> Chain::Open(std::unique_ptr<store::Database> database,
                                                   const Genesis& genesis,
                                                   const ChainOptions& options) {
  std::unique_ptr<Chain> chain(new Chain(std::move(database), genesis, options));
  GONKA_RETURN_IF_ERROR(chain->application_->InitChain(genesis));
  GONKA_ASSIGN_OR_RETURN(const AppInfo info, chain->application_->Info());
  chain->height_ = info.height;
  return chain;
}

Chain::Chain(std::unique_ptr<store::Database> database, const Genesis& genesis,
             const ChainOptions& options)
    : database_(std::move(database)),
      genesis_(genesis),
      network_(NetworkIdOf(genesis)),
      application_(std::make_unique<Application>(*database_, options.application)),
      mempool_(options.mempool) {}
Chain::~Chain() = default;

absl::StatusOr<std::vector<Bytes>> Chain::EncodedBlocks(uint64_t from, size_t bytes_max) const {
  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, Snapshot());
  std::vector<Bytes> blocks = snapshot->EncodedBlocks(from, bytes_max);
  GONKA_RETURN_IF_ERROR(snapshot->status());
  return blocks;
}

absl::StatusOr<TxCode> Chain::SubmitTx(SignedTx tx) {
  if (mempool_.Contains(HashOf(tx))) return TxCode::kOk;
  GONKA_ASSIGN_OR_RETURN(const TxCode code, application_->CheckTx(tx));
  if (code != TxCode::kOk) return code;
  const absl::Status added = mempool_.Add(std::move(tx), height_);
  if (absl::IsAlreadyExists(added)) return TxCode::kOk;
  if (absl::IsOutOfRange(added)) return TxCode::kQuotaExceeded;
  GONKA_RETURN_IF_ERROR(added);
  return TxCode::kOk;
}

Chain::SubscriptionId Chain::Subscribe(Listener listener) {
  std::lock_guard lock(listeners_mutex_);
  listeners_[++last_subscription_] = std::move(listener);
  return last_subscription_;
}

void Chain::Unsubscribe(SubscriptionId subscription) {
  std::lock_guard lock(listeners_mutex_);
  listeners_.erase(subscription);
}

absl::StatusOr<CommittedBlockPtr> Chain::Append(Block block) {
  std::lock_guard lock(append_mutex_);
  std::set<AccountId> senders;
  for (const SignedTx& tx : block.txs) senders.insert(tx.sender);
  GONKA_RETURN_IF_ERROR(application_->FinalizeBlock(std::move(block)).status());
  GONKA_ASSIGN_OR_RETURN(const CommittedBlockPtr committed, application_->Commit());
  height_ = committed->header.height;
  CleanMempool(*committed, senders);
  Notify(committed);
  return committed;
}

absl::StatusOr<size_t> Chain::AppendWhile(
    std::vector<Block> blocks,
    const std::function<bool(const Block& block, const store::Tip& tip)>& fits) {
  std::lock_guard lock(append_mutex_);
  GONKA_ASSIGN_OR_RETURN(std::optional<store::Tip> tip, database_->ReadTip());
  size_t appended = 0;
  std::set<AccountId> senders;
  for (Block& block : blocks) {
    if (!fits(block, *tip)) break;
    for (const SignedTx& tx : block.txs) senders.insert(tx.sender);
    // The block may be tried again, and then says by itself what is wrong with it.
    const absl::Status finalized = &block == blocks.data()
                                       ? application_->FinalizeBlock(std::move(block)).status()
                                       : application_->FinalizeNext(std::move(block));
    if (!finalized.ok()) break;
    tip = application_->FinalizedTip();
    if (!application_->MustCommit()) continue;
    GONKA_ASSIGN_OR_RETURN(const size_t committed, CommitAll(senders));
    appended += committed;
    senders.clear();
  }
  if (tip->height == height_) return appended;
  GONKA_ASSIGN_OR_RETURN(const size_t committed, CommitAll(senders));
  return appended + committed;
}

absl::StatusOr<size_t> Chain::CommitAll(const std::set<AccountId>& senders) {
  GONKA_ASSIGN_OR_RETURN(const std::vector<CommittedBlockPtr> committed, application_->CommitAll());
  height_ = committed.back()->header.height;
  for (const CommittedBlockPtr& block : committed) {
    CleanMempool(*block, block == committed.back() ? senders : std::set<AccountId>());
    Notify(block);
  }
  return committed.size();
}

void Chain::CleanMempool(const CommittedBlock& block, const std::set<AccountId>& senders) {
  mempool_.Remove(block.txs);
  const absl::StatusOr<store::SnapshotPtr> snapshot = Snapshot();
  mempool_.Recheck(block.header.height, senders, [&](const SignedTx& tx) {
    return !snapshot.ok() || ledger::CheckAdmission(**snapshot, tx) == TxCode::kOk;
  });
}

void Chain::Notify(const CommittedBlockPtr& block) {
  std::lock_guard lock(listeners_mutex_);
  // A listener may subscribe or unsubscribe, itself included.
  std::vector<SubscriptionId> ids;
  for (const auto& [id, listener] : listeners_) ids.push_back(id);
  for (const SubscriptionId id : ids) {
    const auto it = listeners_.find(id);
    if (it == listeners_.end()) continue;
    const Listener listener = it->second;
    listener(block);
  }
}

}  // namespace gonka::consensus
