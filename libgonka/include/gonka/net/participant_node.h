#pragma once

// A participant's network node, whole: ledger, services, HTTP. gonkad is this with a command line
// around it.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gonka/base/loop.h"
#include "gonka/consensus/chain.h"
#include "gonka/engine/remote.h"
#include "gonka/http/client.h"
#include "gonka/http/server.h"
#include "gonka/net/block_producer.h"
#include "gonka/net/calls.h"
#include "gonka/net/event_feed.h"
#include "gonka/net/explorer.h"
#include "gonka/net/openai_server.h"
#include "gonka/net/replication.h"
#include "gonka/net/snapshots.h"
#include "gonka/net/text_model.h"
#include "gonka/node/node.h"
#include "gonka/store/payloads.h"

namespace gonka::net {

struct ParticipantOptions {
  // The participant, where the node runs with a warm key of it. Not for the sequencer, whose blocks
  // are signed with its own key.
  std::optional<AccountId> account;
  std::string data_directory;
  Genesis genesis;
  http::ServerOptions server;
  // Checkpoints whose requests this node can render: the text side only.
  std::vector<std::string> models;
  // ML nodes of this participant. Each must run one of these models.
  std::vector<std::string> ml_nodes;
  int64_t ml_node_wait_us = 120'000'000;  // For them to come up.
  bool allow_private_addresses = false;   // Of other nodes.
  size_t snapshots = 2;                   // Kept for newcomers; 0: none are made.
  // An empty data directory begins with a snapshot from these nodes, or the network's first
  // participants, where one of them has one (snapshots.h says what is trusted then).
  bool from_snapshot = false;
  std::vector<std::string> snapshot_sources;
  uint32_t beacon_chain_length = consensus::BeaconChain::kDefaultLength;
  node::NodeOptions node;
  OpenAiOptions openai;
  // Wraps the answering end of every call from another node. For measuring what a dishonest
  // participant can do (apps/devnet); gonkad leaves it empty.
  std::function<std::shared_ptr<Reply>(const std::string& method, const Bytes& request,
                                       std::shared_ptr<Reply> reply)>
      wrap_reply;
  // What to do once the follower has stopped for good or no block can be made.
  std::function<void(const std::string& why)> on_fatal;
};

// The secret of a participant's beacon chains follows from its key.
FixedBytes<32> BeaconSeed(const KeyPair& key);

class ParticipantNode {
 public:
  // The host's services must outlive the node. Blocks until ML nodes have answered; fails with a
  // message for people where something does not fit.
  static absl::StatusOr<std::unique_ptr<ParticipantNode>> Start(Loop& loop, WallClock& clock,
                                                                Entropy& entropy, Log& log,
                                                                const KeyPair& key,
                                                                ParticipantOptions options);
  ~ParticipantNode();  // Not on the loop.

  uint16_t port() const { return server_->port(); }
  const NetworkId& network() const { return chain_->network(); }
  AccountId account() const { return options_.account.value_or(AccountOf(key_.public_key())); }

 private:
  ParticipantNode(Loop& loop, WallClock& clock, Entropy& entropy, Log& log, const KeyPair& key,
                  ParticipantOptions options);
  absl::Status OpenLedger();
  absl::Status OpenModels();
  absl::Status ConnectMlNodes();
  absl::Status StartServices();
  absl::Status StartWriter();
  void Submit(const SignedTx& tx);
  void OnBlock(const consensus::CommittedBlockPtr& block);
  void StartApi();
  bool CaughtUp() const;

  Loop& loop_;
  WallClock& clock_;
  Entropy& entropy_;
  Log& log_;
  const KeyPair key_;
  const ParticipantOptions options_;

  std::unique_ptr<consensus::Chain> chain_;
  std::unique_ptr<store::PayloadStore> payloads_;
  std::unique_ptr<node::Keep> keep_;
  std::unique_ptr<http::Client> client_;
  std::map<ModelId, std::shared_ptr<const CheckpointText>> texts_;
  node::ServedModels models_;
  node::LedgerPort ledger_port_;
  Sessions sessions_;
  std::unique_ptr<HttpTransport> transport_;
  std::unique_ptr<node::Node> node_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<BlockServer> block_server_;
  std::unique_ptr<SnapshotServer> snapshot_server_;
  Metrics metrics_;
  std::unique_ptr<OpenAiServer> openai_;
  std::unique_ptr<Explorer> explorer_;
  std::unique_ptr<EventFeed> events_;
  std::unique_ptr<consensus::Sequencer> sequencer_;
  std::unique_ptr<BlockProducer> producer_;
  std::unique_ptr<consensus::Follower> follower_;
  std::unique_ptr<BlockFetcher> fetcher_;
  std::atomic<const BlockFetcher*> fetcher_running_{nullptr};  // For server threads.
  consensus::Chain::SubscriptionId subscription_ = 0;
};

}  // namespace gonka::net
