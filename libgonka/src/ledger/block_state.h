#pragma once

// The state during one block: the view and what the block has changed so far.

#include "gonka/ledger/state.h"
#include "gonka/ledger/view.h"
#include "gonka/select/weight_table.h"
#include "ledger/table.h"

namespace gonka::ledger {

class BlockState {
 public:
  explicit BlockState(const View& view);

  const View& view;
  Chain chain;    // height, time and beacon are this block's.
  Params params;  // Fixed during a block.

  Table<Account> accounts;
  Table<Case> cases;
  Table<EpochTable> epochs;
  Table<AccountId> api_keys;
  Table<Allowance> allowances;
  Table<Blame> blames;
  Table<ModelInfo> models;
  Table<Traffic> traffic;
  Table<Participant> participants;
  Table<InferenceRecord> records;
  Table<Standing> standings;
  Table<EvidenceLog> evidence;
  Table<Delegation> delegations;
  Table<Pricing> pricing;
  Table<Vesting> vesting;
  Table<Proposal> proposals;
  Table<ProposalVote> votes;
  Table<Sprint> sprints;
  Table<SprintEntry> sprint_entries;
  Table<StateRoot> state_roots;
  Table<Params> stored_params;
  Table<IndexEntry> index;  // Keys of all letters that have no values.

  std::vector<Notice> notices;

  uint64_t height() const { return chain.height; }
  void Tell(Notice notice) { notices.push_back(std::move(notice)); }

  // An event's effects stay, or vanish without a trace.
  void BeginEvent();
  void KeepEvent();
  void TakeBackEvent();

  // The block's writes in order of key, but for the Chain record.
  std::vector<StateWrite> CollectWrites() const;

  // The weights of those who serve the model in the epoch, in the order of the epoch's table.
  const select::WeightTable& ServingWeights(uint64_t epoch, const ModelId& model);

 private:
  template <class Self, class F>
  static void ForEachTable(Self& self, const F& visit);

  Totals totals_before_;
  uint64_t draws_pending_before_ = 0;
  uint32_t participants_before_ = 0;
  uint64_t proposals_before_ = 0;
  size_t notices_before_ = 0;
  std::map<std::pair<uint64_t, ModelId>, select::WeightTable> serving_;
};

}  // namespace gonka::ledger
