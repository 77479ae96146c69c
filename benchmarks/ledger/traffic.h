#pragma once

// A network's inferences, two events each: in every round five transfer agents open records with a
// Start each, and executors, who are all, finish those of the round before. Nobody checks them.

#include <map>
#include <memory>
#include <vector>

#include "gonka/consensus/sequencer.h"

namespace gonka::bench {

struct TrafficOptions {
  size_t participants = 5;
  size_t batch = 64;         // Events in a transaction.
  size_t per_round = 2'048;  // Inferences begun in a round.
  uint32_t epoch_blocks = 100'000;
  uint32_t retained_epochs = 1;
};

class Traffic {
 public:
  Traffic(std::unique_ptr<store::Database> database, const TrafficOptions& options);

  // Blocks that were made, of which all events were accepted; the first call funds everybody.
  std::vector<Block> Round();
  // Finishes what is open.
  std::vector<Block> Last();

  const Genesis& genesis() const { return genesis_; }
  const std::vector<InferenceId>& finished() const { return finished_; }
  uint64_t events() const { return events_; }
  // Of all threads, while blocks were made, executed and committed.
  double cpu_seconds() const { return cpu_seconds_; }
  std::unique_ptr<consensus::Chain> TakeChain() && { return std::move(chain_); }
  const consensus::Chain& chain() const { return *chain_; }

 private:
  void MakeGenesis();
  std::vector<Block> Fund();
  void Start();
  void Finish();
  Assignment NextAssignment(const ledger::View& view, const AccountId& ta);
  void Submit(const KeyPair& key, std::vector<Event> events);
  std::vector<Block> Produce();

  const TrafficOptions options_;
  const KeyPair developer_;
  const ModelId model_;
  std::map<AccountId, KeyPair> participants_;
  std::vector<AccountId> agents_;
  std::map<AccountId, uint64_t> sequences_;
  std::map<AccountId, uint64_t> request_sequences_;
  std::vector<Assignment> open_;
  std::vector<SignedTx> txs_;
  std::vector<InferenceId> finished_;
  uint64_t events_ = 0;
  double cpu_seconds_ = 0;
  Genesis genesis_;
  std::unique_ptr<consensus::Chain> chain_;
  std::unique_ptr<consensus::Sequencer> sequencer_;
};

}  // namespace gonka::bench
