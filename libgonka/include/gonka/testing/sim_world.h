#pragma once

// A whole network in one thread from one seed: participants with their own ledgers, services and
// pseudo-models, a sequencer among them, developers, and a network between them that delays, loses
// and is cut. The services are the ones that gonkad runs. The same options give the same run, to
// the byte, so a failure is a seed.
//
//   SimWorld world({.sim_seed = 7, .participants = 5});
//   const InferenceId id = world.Ask("why is the sky blue?");
//   world.Crash(world.ExecutorOf(id));
//   world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kExpired; });
//   world.CheckInvariants();
//
// Participants and developers are named by their place, from 0; places do not change. The last
// participant of genesis orders the blocks. Anybody may crash, lose power or run out of disk, have
// a wrong clock or a slow machine, and follow any strategy (strategy.h). After every block
// - the ledger's invariants are recomputed: conservation, records that add up, indexes;
// - all nodes' app hashes are compared;
// - no honest participant may have been convicted;
// - what is settled ended in one terminal state, and nothing was paid for what was not served.
// A violation aborts with the seed, the height and the last lines of every log.

#include <optional>
#include <string>

#include "gonka/engine/scripted.h"
#include "gonka/ledger/queries.h"
#include "gonka/node/node.h"
#include "gonka/testing/sim_network.h"
#include "gonka/testing/strategy.h"

namespace gonka::testing {

Params SimParams();  // Blocks of a second, epochs of a minute.

struct SimOptions {
  uint64_t sim_seed = 1;
  size_t participants = 5;
  size_t developers = 2;
  size_t newcomers = 0;  // Accounts that may Join as further participants.
  // By place; several strategies of one participant act one after another. Others are honest.
  std::map<size_t, std::vector<Conduct>> conduct = {};
  std::map<size_t, std::vector<Conduct>> habits = {};  // Of developers, by place.
  Params params = SimParams();
  LinkOptions links = {};
  Amount balance{10'000'000};          // Of every account.
  Amount allowance{1'000'000};         // Of every developer at every participant, from the start.
  Amount collateral{1'000'000};        // Of every participant.
  std::vector<uint64_t> weights = {};  // By place; 100 where it is shorter.
  Amount price{10};                    // Per token, of the only model.
  Amount price_floor{1};
  uint64_t capacity_tokens = 0;  // As of ModelInfo: 0 lets the price stay.
  // Every how many-th write a node's disk is synced; what is not may be lost with the power.
  uint32_t sync_every = 1;
  // Only the sequencer keeps a ledger, and all others read that one: what large networks need, and
  // no test of ledgers against each other. Nobody loses power then.
  bool one_ledger = false;
  engine::ScriptedOptions engine = {};  // Vocabulary and model name are the simulation's.
  node::NodeOptions node = {.recorder = {.resend_blocks = 3},
                            .transfer_agent = {.silence_timeout_us = 5'000'000}};
};

struct AskOptions {
  size_t developer = 0;
  std::optional<size_t> ta = {};  // Drawn where it is not given.
  // The executor that the ledger should draw: found by choosing developer, transfer agent and
  // request number (short requests are asked in between where need be). Ask only.
  std::optional<size_t> executor = {};
  uint32_t tokens_max = 24;
  std::vector<std::string> stop = {};
  std::optional<uint64_t> seed = {};
};

// What a developer sees of one request.
struct SimRequest {
  size_t developer = 0;
  size_t ta = 0;
  node::TransferAgent::Ticket ticket = 0;
  std::optional<InferenceId> accepted;  // Of the attempt that was accepted.
  size_t executor = 0;                  // That accepted it.
  std::vector<uint32_t> tokens;
  std::optional<absl::StatusOr<node::Answer>> answer;  // Once it is over.
};

class SimWorld {
 public:
  // Runs until every allowance can be used.
  explicit SimWorld(SimOptions options = {});
  ~SimWorld();
  SimWorld(const SimWorld&) = delete;
  SimWorld& operator=(const SimWorld&) = delete;

  // Time. RunUntil looks at the condition after every event and gives up after so long.
  static constexpr int64_t kMinuteUs = 60'000'000;
  bool RunUntil(const std::function<bool()>& condition, int64_t at_most_us = 10 * kMinuteUs);
  void RunFor(int64_t us);
  void RunBlocks(uint64_t blocks);
  void RunToEpoch(uint64_t epoch);
  void RunToSettlementOf(uint64_t epoch);
  int64_t now_us() const;

  // Requests. Post returns at once with the request's number; Ask runs until an executor has
  // accepted, and aborts where none does.
  size_t Post(const std::string& prompt, const AskOptions& options = {});
  InferenceId Ask(const std::string& prompt, const AskOptions& options = {});
  const SimRequest& request(size_t number) const;
  size_t requests() const;  // So many; numbered from 0.
  const SimRequest& RequestOf(const InferenceId& inference) const;
  void HangUp(const InferenceId& inference);
  // Runs until the request is over; what became of it.
  const absl::StatusOr<node::Answer>& AnswerTo(const InferenceId& inference);

  // Who.
  size_t participants() const;
  size_t sequencer() const;
  AccountId participant(size_t place) const;
  AccountId developer(size_t place = 0) const;
  size_t PlaceOf(const AccountId& participant) const;
  size_t ExecutorOf(const InferenceId& inference) const;
  size_t TransferAgentOf(const InferenceId& inference) const;
  // In the order of their duty; empty until the check is drawn.
  std::vector<size_t> ValidatorsOf(const InferenceId& inference) const;

  // Trouble.
  void Crash(size_t participant);  // Loses all but its ledger, payloads and key.
  // Crashes; of what its disk had not synced, a part drawn by the seed is gone, too.
  void LosePower(size_t participant);
  void Restart(size_t participant);
  bool IsRunning(size_t participant) const;
  void FillDisk(size_t participant);
  void FreeDisk(size_t participant);
  void SetPace(size_t participant, const SimPace& pace);
  void Cut(size_t participant);
  void Heal(size_t participant);
  // Between the groups nothing is heard; who is in none of them is in a group with all such. No
  // groups: all hear each other again.
  void Partition(const std::vector<std::vector<size_t>>& groups);
  void SetLinks(const LinkOptions& links);
  // Restarts the node.
  void SetConduct(size_t participant, std::vector<Conduct> conduct);
  // Drops the next transactions of this participant on their way to the sequencer.
  void LoseTxs(size_t participant, size_t count);
  // The participant delegates to a fresh key, and its node goes on with that one.
  AccountId GoWarm(size_t participant);
  // A newcomer starts its node and registers; its place.
  size_t Join();
  // A developer's own transaction, straight to the sequencer; what becomes of its event.
  TxCode Say(size_t developer, Event event);
  // An allowance under which the transfer agent signs for the developer.
  Event AllowOf(size_t developer, size_t ta, Amount amount) const;
  // The same without waiting for it.
  TxCode Submit(size_t developer, Event event);
  // An event of a participant's own, through its node.
  void Speak(size_t participant, Event event);

  // The sequencer's ledger, or another node's.
  std::shared_ptr<const ledger::View> Ledger() const;
  std::shared_ptr<const ledger::View> LedgerOf(size_t participant) const;
  uint64_t height() const;
  uint64_t epoch() const;
  ledger::InferenceRecord Record(const InferenceId& inference) const;
  // Whom the ledger draws for the developer's next request through this transfer agent; nothing
  // where it draws nobody.
  std::optional<size_t> NextExecutor(size_t developer, size_t ta) const;
  // Balance and unused allowances.
  Amount Balance(const AccountId& account) const;
  Amount initial_balance() const;
  const std::vector<Notice>& notices() const;
  template <class T>
  std::vector<T> Told() const {
    std::vector<T> found;
    for (const Notice& notice : notices()) {
      if (const T* value = std::get_if<T>(&notice)) found.push_back(*value);
    }
    return found;
  }
  // Refused events, by any sender, in order.
  const std::vector<TxCode>& refusals() const;

  // One call between two nodes, as an outsider or a stranger would make it: every frame, or why
  // not.
  absl::StatusOr<std::vector<Bytes>> Call(size_t from, size_t to, const std::string& method,
                                          const Bytes& request);
  node::Node& NodeOf(size_t participant);
  // Machine time of all its engines so far, by whatever model they ran: tokens generated, prefilled
  // and scored, at that model's us_per_token and us_per_prompt_token.
  int64_t MachineUs(size_t participant) const;
  bool Keeps(size_t participant, const InferenceId& inference) const;
  std::string Log() const;  // The last lines of all nodes, by time.
  // A hash over everything that was said between nodes, and every block: equal for equal options.
  Hash Transcript() const;

  // Aborts where an invariant is violated or the nodes disagree; says all that is known.
  void CheckInvariants() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gonka::testing
