#pragma once

// What a simulated world is made of, and what must hold of it after every block.

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "testing/sim_node.h"

namespace gonka::testing {

struct SimWorld::State {
  explicit State(SimOptions given);

  size_t sequencer() const { return options.participants - 1; }
  SimNode& first() { return *nodes[sequencer()]; }
  void CheckConviction(const Convicted& convicted) const;
  void CheckOutcomes(const ledger::View& view);
  SignedTx SignFor(size_t developer, Event event);
  TxCode Submit(const SignedTx& tx);
  void OnBlock(size_t place, const consensus::CommittedBlockPtr& block);
  void Tell(const consensus::CommittedBlockPtr& block);
  void SendAllowances(const SimWorld& world);
  bool AllowancesReady();
  void MakeHabits(SimWorld& world);
  std::optional<AskOptions> Towards(const SimWorld& world, size_t executor,
                                    const AskOptions& wanted) const;
  [[noreturn]] void Abort(const std::string& why) const;

  const SimOptions options;
  Genesis genesis;
  const std::vector<KeyPair> developers;
  const std::vector<KeyPair> newcomers;
  SimRandom random;
  SimClock clock;
  SimNetwork network;
  std::vector<std::unique_ptr<SimNode>> nodes;
  std::vector<SimRequest> requests;
  std::vector<Notice> notices;
  std::vector<TxCode> refusals;
  std::map<uint64_t, Hash> app_hashes;  // By height.
  std::set<InferenceId> opened;         // And not settled yet.
  std::set<InferenceId> finished;       // Of these.
  std::map<TxHash, TxCode> codes;       // Of the developers' own transactions.
  std::vector<uint64_t> sequences;
  std::vector<std::unique_ptr<Habit>> habits;
  size_t joined = 0;
};

}  // namespace gonka::testing
