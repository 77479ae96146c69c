#pragma once

// One participant of the simulation: its ledger and payloads, which survive a crash, and its
// services, which do not.

#include "gonka/consensus/follower.h"
#include "gonka/consensus/sequencer.h"
#include "gonka/store/memory_disk.h"
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
  std::function<AccountId(size_t place)> participant;
  std::function<store::SnapshotPtr()> sequencers_ledger;
};

class SimNode {
 public:
  SimNode(SimCommon common, size_t place, const KeyPair& key, std::vector<Conduct> conduct);
  ~SimNode();

  void Start();
  void Crash();
  bool running() const { return node_ != nullptr; }
  // From the next Start on the node runs with this key, to which its account must have delegated.
  void UseKey(const KeyPair& warm) { warm_ = warm; }
  void LosePower();
  void SetDiskFull(bool full);
  void SetPace(const SimPace& pace);
  void SetConduct(std::vector<Conduct> conduct);
  bool WasAlwaysHonest() const { return !was_dishonest_; }
  void LoseTxs(size_t count) { txs_to_lose_ = count; }

  AccountId id() const { return AccountOf(key_.public_key()); }
  const KeyPair& key() const { return key_; }
  // Of a node without a ledger of its own: the sequencer has made this block.
  void Hear(const consensus::CommittedBlockPtr& block);
  bool has_ledger() const { return orders() || !common_.options.one_ledger; }
  bool orders() const { return id() == common_.genesis.sequencer; }
  node::Node& services() { return *node_; }
  Transport& transport() { return *transport_; }
  consensus::Chain& chain() { return *chain_; }  // While it runs.
  store::SnapshotPtr Snapshot() const;           // Of a crashed node's disk, too.
  const MemoryKeep& keep() const { return keep_; }
  int64_t machine_us() const { return machine_us_; }
  const SimLog& log() const { return log_; }

 private:
  const KeyPair& node_key() const { return warm_ ? *warm_ : key_; }
  void OpenLedger();
  void MakeStrategies();
  void MakeServices();
  std::shared_ptr<engine::Engine> MakeEngine();
  node::NodeOptions OptionsOf() const;
  void SubmitChanged(const SignedTx& tx);
  absl::StatusOr<Block> ProduceBlock();
  absl::StatusOr<Block> BlockWithoutLink(uint64_t time_us);
  void TranslateReceipts(node::BlockFacts& facts);
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
  std::vector<Conduct> conduct_;
  SimPace pace_;
  SimPace engine_pace_;
  SimLoop log_clock_;
  SimLog log_;
  SimEntropy entropy_;
  SimRandom dice_;
  // Survive a crash.
  store::MemoryDisk disk_;
  MemoryKeep keep_;
  std::vector<std::unique_ptr<Strategy>> strategies_;
  std::optional<KeyPair> warm_;
  size_t txs_to_lose_ = 0;
  int64_t machine_us_ = 0;
  bool was_dishonest_ = false;
  // Do not; in the order in which they depend on each other.
  std::unique_ptr<consensus::Chain> chain_;
  std::unique_ptr<consensus::Sequencer> sequencer_;
  std::unique_ptr<consensus::Follower> follower_;
  std::unique_ptr<SimLoop> loop_;
  std::unique_ptr<SimLoop> engine_loop_;
  std::unique_ptr<Transport> transport_;
  // Transactions that a strategy changed, by the hash under which the ledger knows them; and those
  // of which nothing was left.
  std::map<TxHash, TxHash> changed_;
  std::vector<TxHash> dropped_;
  std::unique_ptr<node::Node> node_;
  bool fetching_ = false;
};

}  // namespace gonka::testing
