#pragma once

// One participant of the simulation: its ledger and payloads, which survive a crash, and its
// services, which do not.

#include "gonka/consensus/follower.h"
#include "gonka/consensus/sequencer.h"
#include "gonka/testing/sim_world.h"
#include "testing/sim_parts.h"

namespace gonka::testing {

inline constexpr uint32_t kBeaconLength = 4'096;
FixedBytes<32> BeaconSeedOf(const KeyPair& key);

// What every node of a simulation has in common.
struct SimCommon {
  const SimOptions& options;
  const Genesis& genesis;
  SimClock& clock;
  SimNetwork& network;
  // Told on every node, after the block is in its ledger.
  std::function<void(size_t place, const consensus::CommittedBlockPtr&)> on_block;
};

class SimNode {
 public:
  SimNode(SimCommon common, size_t place, const KeyPair& key, Conduct conduct);
  ~SimNode();

  void Start();
  void Crash();
  bool running() const { return node_ != nullptr; }
  void SetConduct(Conduct conduct);
  // From the next Start on the node runs with this key, to which its account must have delegated.
  void UseKey(const KeyPair& warm) { warm_ = warm; }
  void LoseTxs(size_t count) { txs_to_lose_ = count; }

  AccountId id() const { return AccountOf(key_.public_key()); }
  const KeyPair& key() const { return key_; }
  bool orders() const { return id() == common_.genesis.sequencer; }
  node::Node& services() { return *node_; }
  Transport& transport() { return *transport_; }
  consensus::Chain& chain() { return *chain_; }
  const MemoryKeep& keep() const { return keep_; }
  const SimLog& log() const { return log_; }

 private:
  const KeyPair& node_key() const { return warm_ ? *warm_ : key_; }
  void MakeServices();
  void OnCall(const std::string& method, const Hash& caller, Bytes request,
              std::shared_ptr<Reply> reply);
  void OnCommitted(const consensus::CommittedBlockPtr& block);
  void Submit(const SignedTx& tx);
  void ProduceLater();
  void Push(const Block& block);
  void Offer(const Bytes& bytes);
  void FetchLater();
  void Fetch();
  int64_t IntervalUs() const;
  Peer SequencerPeer() const { return {.id = common_.genesis.sequencer.value, .url = "sim"}; }

  const SimCommon common_;
  const size_t place_;
  const KeyPair key_;
  Conduct conduct_;
  SimLoop log_clock_;
  SimLog log_;
  SimEntropy entropy_;
  // Survive a crash.
  MemoryKeep keep_;
  std::unique_ptr<consensus::Chain> chain_;
  std::unique_ptr<consensus::Sequencer> sequencer_;
  std::unique_ptr<consensus::Follower> follower_;
  std::optional<KeyPair> warm_;
  size_t txs_to_lose_ = 0;
  // Do not; in the order in which they depend on each other.
  std::unique_ptr<SimLoop> loop_;
  std::unique_ptr<Transport> transport_;
  std::unique_ptr<node::Node> node_;
  bool fetching_ = false;
};

}  // namespace gonka::testing
