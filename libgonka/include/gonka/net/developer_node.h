#pragma once

// A developer's own node: an OpenAI endpoint on the developer's machine that trusts nobody else's.
// It follows the ledger and executes every block again, holds the key, signs each request, draws
// the transfer agent, accepts only what the drawn executor has signed, and says what became of
// every answer: checked, disputed, refunded. `gonka proxy` is this with a command line around it.

#include <deque>
#include <mutex>

#include "gonka/consensus/chain.h"
#include "gonka/net/calls.h"
#include "gonka/net/openai_server.h"
#include "gonka/net/replication.h"
#include "gonka/net/text_model.h"
#include "gonka/node/developer_agent.h"
#include "gonka/node/recorder.h"

namespace gonka::net {

// What the ledger says about one of the developer's answers, or about its account.
struct News {
  uint64_t height = 0;
  std::optional<InferenceId> inference;
  std::string text;
};

struct DeveloperOptions {
  // The developer, where the key is a sub-account's.
  std::optional<AccountId> account;
  std::string data_directory;
  Genesis genesis;
  http::ServerOptions server;
  // Checkpoints whose requests can be rendered and whose answers can be read: the text side only.
  std::vector<std::string> models;
  // What local clients must send as their API key. Empty: nothing, anybody on this machine is
  // served.
  std::string api_key;
  // Once the node has caught up, what is allowed to transfer agents is brought up to this, spread
  // evenly over so many of them. 0: allowances are left as they are.
  Amount allow;
  uint32_t transfer_agents = 3;
  uint64_t allow_epochs = 1'000;
  bool allow_private_addresses = false;  // Of other nodes.
  // See ParticipantOptions.
  bool from_snapshot = false;
  std::vector<std::string> snapshot_sources;
  node::DeveloperAgentOptions agent;
  OpenAiOptions openai;
  std::function<void(const News&)> on_news = {};  // On the loop.
  // What to do once the ledger cannot be followed any more.
  std::function<void(const std::string& why)> on_fatal;
};

class DeveloperNode {
 public:
  // The host's services must outlive the node. Fails with a message for people.
  static absl::StatusOr<std::unique_ptr<DeveloperNode>> Start(Loop& loop, WallClock& clock,
                                                              Entropy& entropy, Log& log,
                                                              const KeyPair& key,
                                                              DeveloperOptions options);
  ~DeveloperNode();  // Not on the loop.

  uint16_t port() const { return server_->port(); }
  uint64_t height() const { return chain_->height(); }
  bool caught_up() const { return fetcher_ && fetcher_->caught_up(); }
  AccountId account() const { return self_.account; }

 private:
  static constexpr size_t kAnswersMax = 1'024;
  struct Told {
    node::Answer answer;
    std::vector<News> news;
  };

  DeveloperNode(Loop& loop, WallClock& clock, Entropy& entropy, Log& log, const KeyPair& key,
                DeveloperOptions options);
  absl::Status OpenLedger();
  void StartAgent();
  void StartApi();
  absl::Status StartFollowing();
  std::variant<Caller, ApiError> Authenticate(const http::Request& request) const;
  void OnBlock(const consensus::CommittedBlockPtr& block);
  void Allow(const ledger::View& view);
  void Tell(News news);
  void CompareWithLedger(const ledger::View& view, uint64_t height, const InferenceId& inference);
  std::string AnswersJson();
  std::string AnswerJson(const ledger::View& view, const Told& told) const;
  std::shared_ptr<const store::Snapshot> Snapshot();

  Loop& loop_;
  WallClock& clock_;
  Entropy& entropy_;
  Log& log_;
  const DeveloperOptions options_;
  const node::Identity self_;
  std::unique_ptr<consensus::Chain> chain_;
  std::unique_ptr<http::Client> client_;
  std::map<ModelId, std::shared_ptr<const CheckpointText>> texts_;
  node::LedgerPort ledger_port_;
  Sessions sessions_;
  std::unique_ptr<HttpTransport> transport_;
  std::unique_ptr<node::Recorder> recorder_;
  std::unique_ptr<node::DeveloperAgent> agent_;
  std::unique_ptr<node::Agent> listening_agent_;
  std::unique_ptr<http::Server> server_;
  Metrics metrics_;
  std::unique_ptr<OpenAiServer> openai_;
  std::unique_ptr<consensus::Follower> follower_;
  std::unique_ptr<BlockFetcher> fetcher_;
  consensus::Chain::SubscriptionId subscription_ = 0;
  bool allowed_ = false;  // Loop thread only.
  // What came before a fresh copy of the ledger had caught up is no news. Loop thread only.
  bool news_wanted_ = false;
  std::mutex answers_mutex_;
  std::deque<Told> answers_;  // The newest kAnswersMax.
};

}  // namespace gonka::net
