#pragma once

// Everybody does anything, sensible or not: blocks of random events over a real ledger, for the
// tests of its invariants, for the second implementation and for the fuzzer.

#include <deque>
#include <random>
#include <set>
#include <span>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {

// Choices from a seed, or from bytes as long as they last.
class Dice {
 public:
  explicit Dice(uint64_t sim_seed) : random_(sim_seed) {}
  explicit Dice(std::span<const uint8_t> bytes) : from_bytes_(true), bytes_(bytes) {}

  size_t Below(size_t n);
  bool OneIn(size_t n) { return Below(n) == 0; }
  // Of bytes: nothing is left, all further numbers are 0.
  bool spent() const { return from_bytes_ && bytes_.empty(); }

 private:
  uint64_t Next(size_t n);

  bool from_bytes_ = false;
  std::mt19937_64 random_;
  std::span<const uint8_t> bytes_;
};

class Chaos {
 public:
  // The seed chooses the network, too.
  explicit Chaos(uint64_t sim_seed, bool audit = true, Witness* witness = nullptr);

  void Run(size_t blocks);
  // Goes on by other choices, until these are spent.
  void RunOn(Dice dice);

  const TestNetwork& net() const { return net_; }
  const std::set<TxCode>& codes() const { return codes_; }
  // Tags of all events that were sent.
  const std::set<size_t>& sent() const { return sent_; }
  uint64_t events() const { return events_; }

 private:
  struct Order {  // A request on its way; the assignment that its transfer agent has signed.
    Assignment assignment;
    InferenceId id;
    uint64_t made_height = 0;
  };

  enum class Step { kStart, kFinish, kDelivered, kNone };

  size_t Below(size_t n) { return dice_.Below(n); }
  bool OneIn(size_t n) { return dice_.OneIn(n); }
  template <class List>
  const auto& OneOf(const List& list) {
    return list[Below(list.size())];
  }

  void Block();
  void Act();
  void Account();
  void Membership(const KeyPair& who);
  void WarmKey();
  void Govern();
  Change AnyChange();
  void Ask();
  void AskAgain();
  void WorkOn();
  void Judge();
  void Reveal();
  void Vote();
  void Dispute();
  void Sprint();
  void CommitToWork();
  void JudgeWork(const ListedSprint& listed);
  void ExposeWork();

  // Who.
  const KeyPair& KeyOf(const AccountId& id) const { return keys_.at(id); }
  const KeyPair& Anybody();    // Whoever has a key.
  AccountId AnyParticipant();  // Now and then somebody who is none.
  AccountId AnyDeveloper();
  KeyPair Warm();
  // One that acts for the account, where there is one.
  KeyPair WarmOf(const AccountId& id, bool orders);
  // That of the account itself, or a warm key of anybody.
  KeyPair SignerFor(const AccountId& id);

  // What.
  Amount Coins(const AccountId& whose);
  ModelId AnyModel();
  List<ModelId, 16> AnyModels();
  uint64_t AnyEpoch();
  std::optional<Order> NewOrder();
  Request NewRequest(const AccountId& ta, const AccountId& developer);
  void DrawInto(Assignment& assignment);
  std::optional<Signature> Signed(const AccountId& id, const Hash& hash, size_t missing_one_in);
  const Order* RecentOrder();
  Step NextStepOf(const Order& order);
  Start StartOf(const Order& order);
  Finish FinishOf(const Order& order);
  std::optional<AgentWord> WordFor(const Order& order, const Finish& finish);
  SignedAssignment OpeningOf(const Order& order);
  Delivered DeliveredOf(const Order& order);
  ValidateReveal VerdictFor(const InferenceId& id, const AccountId& validator);
  SprintVerdictReveal FindingOn(const ListedSprint& listed, const AccountId& checker);
  VoteReveal VoteFor(const CaseId& id, const AccountId& voter);

  // On its way into the next block: alone, in a batch, by a warm key, twice, or spoilt.
  void Say(const KeyPair& who, Event event);
  void Send(const KeyPair& who, std::vector<Event> events, std::optional<AccountId> acts_for = {});
  void SendBatches();
  uint64_t NextSequence(const AccountId& id);
  void MakeBlock();
  BlockHeader SpoiltHeader();

  TestNetwork net_;
  Dice dice_;
  std::map<AccountId, KeyPair> keys_;
  std::vector<AccountId> ids_;
  std::deque<Order> orders_;
  std::map<AccountId, std::vector<Event>> batches_;
  std::map<AccountId, uint64_t> sequences_;
  std::vector<SignedTx> replays_;
  std::set<TxCode> codes_;
  std::set<size_t> sent_;
  uint64_t events_ = 0;
};

}  // namespace gonka::ledger
