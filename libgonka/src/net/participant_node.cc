#include "gonka/net/participant_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "gonka/http/frames.h"
#include "gonka/net/api_error.h"
#include "gonka/node/messages.h"
#include "net/run_on_loop.h"

namespace gonka::net {
namespace {

constexpr int64_t kMlNodeRetryUs = 250'000;

// node::Keep over the payload store.
class StoredKeep final : public node::Keep {
 public:
  StoredKeep(store::PayloadStore& payloads, Log& log) : payloads_(payloads), log_(log) {}

  absl::Status Put(const InferenceId& inference, uint64_t epoch, const Item& item) override {
    const node::KeptPayload payload{.payload = item.payload, .kernel_class = item.kernel_class};
    return payloads_.Put(inference, epoch,
                         {.payload = Encode(payload), .artifact = Encode(item.artifact)});
  }

  std::optional<Item> Get(const InferenceId& inference) const override {
    const auto stored = payloads_.Get(inference);
    if (!stored.ok()) {
      if (!absl::IsNotFound(stored.status())) Complain(inference, stored.status());
      return std::nullopt;
    }
    auto payload = Decode<node::KeptPayload>(stored->payload);
    auto artifact = Decode<verify::Artifact>(stored->artifact);
    if (!payload.ok() || !artifact.ok()) {
      Complain(inference, payload.ok() ? artifact.status() : payload.status());
      return std::nullopt;
    }
    return Item{.payload = std::move(payload->payload),
                .kernel_class = payload->kernel_class,
                .artifact = *std::move(artifact)};
  }

  void DropEpoch(uint64_t epoch) override {
    const auto dropped = payloads_.DropBelow(epoch + 1);
    if (!dropped.ok()) {
      log_.Write(LogLevel::kError, fmt::format("payloads of epoch {} are not dropped: {}", epoch,
                                               ToString(dropped.status())));
    }
  }

 private:
  void Complain(const InferenceId& inference, const absl::Status& status) const {
    log_.Write(LogLevel::kError,
               fmt::format("the payload of {}: {}", ShortHex(inference), ToString(status)));
  }

  store::PayloadStore& payloads_;
  Log& log_;
};

node::BlockFacts FactsOf(const consensus::CommittedBlock& block) {
  return {.header = block.header,
          .hash = block.hash,
          .receipts = block.receipts,
          .notices = block.notices};
}

}  // namespace

FixedBytes<32> BeaconSeed(const KeyPair& key) {
  return TaggedHash("gonka/beacon-seed/1", key.seed());
}

ParticipantNode::ParticipantNode(Loop& loop, WallClock& clock, Entropy& entropy, Log& log,
                                 const KeyPair& key, ParticipantOptions options)
    : loop_(loop),
      clock_(clock),
      entropy_(entropy),
      log_(log),
      key_(key),
      options_(std::move(options)),
      sessions_(key_) {}

absl::StatusOr<std::unique_ptr<ParticipantNode>> ParticipantNode::Start(
    Loop& loop, WallClock& clock, Entropy& entropy, Log& log, const KeyPair& key,
    ParticipantOptions options) {
  std::unique_ptr<ParticipantNode> node(
      new ParticipantNode(loop, clock, entropy, log, key, std::move(options)));
  GONKA_RETURN_IF_ERROR(node->OpenLedger());
  GONKA_RETURN_IF_ERROR(node->OpenModels());
  GONKA_RETURN_IF_ERROR(node->ConnectMlNodes());
  GONKA_RETURN_IF_ERROR(node->StartServices());
  GONKA_RETURN_IF_ERROR(node->StartWriter());
  return node;
}

ParticipantNode::~ParticipantNode() {
  // Who asks goes first, then the writers, then the services on their own loop.
  if (server_) server_->Stop();
  producer_.reset();
  fetcher_.reset();
  if (chain_ && subscription_ != 0) chain_->Unsubscribe(subscription_);
  events_.reset();
  snapshot_server_.reset();
  RunOnLoop(loop_, [this] {
    openai_.reset();
    explorer_.reset();
    block_server_.reset();
    node_.reset();
    transport_.reset();
  });
  models_.clear();
}

absl::Status ParticipantNode::OpenLedger() {
  if (account() == options_.genesis.sequencer && account() != AccountOf(key_.public_key())) {
    return absl::InvalidArgumentError(
        "the sequencer signs blocks with its own key; it cannot run with a warm one");
  }
  client_ = std::make_unique<http::Client>(
      http::ClientOptions{.allow_private_addresses = options_.allow_private_addresses});
  GONKA_ASSIGN_OR_RETURN(auto database,
                         store::Database::OpenLmdb(options_.data_directory + "/ledger"));
  if (options_.from_snapshot && account() != options_.genesis.sequencer) {
    GONKA_RETURN_IF_ERROR(BeginWithSnapshot(
        *client_, SnapshotSources(options_.snapshot_sources, options_.genesis, account()),
        options_.genesis, options_.data_directory, *database, log_));
  }
  GONKA_ASSIGN_OR_RETURN(chain_, consensus::Chain::Open(std::move(database), options_.genesis));
  GONKA_ASSIGN_OR_RETURN(payloads_,
                         store::PayloadStore::OpenLmdb(options_.data_directory + "/payloads"));
  keep_ = std::make_unique<StoredKeep>(*payloads_, log_);
  return absl::OkStatus();
}

absl::Status ParticipantNode::OpenModels() {
  GONKA_ASSIGN_OR_RETURN(const auto view, chain_->Snapshot());
  GONKA_ASSIGN_OR_RETURN(texts_,
                         OpenTexts(options_.models, *view, options_.data_directory + "/manifests"));
  for (const auto& [id, text] : texts_) models_[id].text = text;
  return absl::OkStatus();
}

absl::Status ParticipantNode::ConnectMlNodes() {
  const int64_t deadline = loop_.NowUs() + options_.ml_node_wait_us;
  for (const std::string& url : options_.ml_nodes) {
    auto engine = engine::RemoteEngine::Connect(*client_, url);
    while (!engine.ok() && loop_.NowUs() < deadline) {
      std::this_thread::sleep_for(std::chrono::microseconds(kMlNodeRetryUs));
      engine = engine::RemoteEngine::Connect(*client_, url);
    }
    if (!engine.ok()) return Annotate(engine.status(), fmt::format("ML node {}", url));
    const ModelId model{(*engine)->Info().manifest};
    const auto served = models_.find(model);
    if (served == models_.end()) {
      return absl::FailedPreconditionError(fmt::format(
          "the ML node {} runs manifest {}, which is none of this node's models", url, Hex(model)));
    }
    served->second.engines.push_back(*std::move(engine));
  }
  return absl::OkStatus();
}

// The sequencer's own transactions go straight into its mempool.
void ParticipantNode::Submit(const SignedTx& tx) {
  if (account() == options_.genesis.sequencer) {
    const auto code = chain_->SubmitTx(tx);
    if (!code.ok()) {
      log_.Write(LogLevel::kWarning,
                 fmt::format("own transaction not taken: {}", ToString(code.status())));
    }
    return;
  }
  client_->SendAsync(
      {.method = "POST",
       .url = SequencerUrl(*ledger_port_.snapshot(), options_.genesis) + "/gonka/v1/tx",
       .content_type = http::kFramesContentType,
       .body = std::string(AsText(Encode(tx))),
       .timeout_us = 5'000'000,
       .repeatable = true},
      [this](absl::StatusOr<http::ClientResponse> response) {
        if (response.ok() && response->status == 200) return;
        // The recorder sends again what does not show up in a block.
        log_.Write(LogLevel::kWarning,
                   fmt::format("the sequencer did not take a transaction: {}",
                               response.ok() ? response->body : ToString(response.status())));
      });
}

absl::Status ParticipantNode::StartServices() {
  ledger_port_ = {
      .snapshot = [this]() -> std::shared_ptr<const ledger::View> {
        auto snapshot = chain_->Snapshot();
        // Without its ledger the node can do nothing right.
        if (!snapshot.ok())
          options_.on_fatal("the ledger cannot be read: " + ToString(snapshot.status()));
        GONKA_CHECK(snapshot.ok());
        return *snapshot;
      },
      .submit = [this](const SignedTx& tx) { Submit(tx); }};
  http::ServerOptions server_options = options_.server;
  if (!server_options.refusal) server_options.refusal = RefusalResponse;
  server_ = std::make_unique<http::Server>(std::move(server_options));
  node::NodeOptions node_options = options_.node;
  node_options.account = account();
  RunOnLoop(loop_, [&] {
    transport_ = std::make_unique<HttpTransport>(loop_, entropy_, sessions_, *client_);
    node_ = std::make_unique<node::Node>(
        node::Environment{
            .loop = loop_, .entropy = entropy_, .transport = *transport_, .log = log_},
        ledger_port_, key_, chain_->network(), models_, *keep_, node_options);
    node_->Resume();
  });
  ServeCalls(*server_, loop_, entropy_, sessions_,
             [this](const std::string& method, const Hash& caller, Bytes request,
                    std::shared_ptr<Reply> reply) {
               if (options_.wrap_reply)
                 reply = options_.wrap_reply(method, request, std::move(reply));
               if (node_) node_->OnCall(method, caller, std::move(request), std::move(reply));
             });
  block_server_ = std::make_unique<BlockServer>(*server_, loop_, *chain_);
  if (options_.snapshots > 0) {
    snapshot_server_ = std::make_unique<SnapshotServer>(
        *server_, *chain_, log_,
        SnapshotOptions{.directory = options_.data_directory + "/snapshots",
                        .keep = options_.snapshots});
  }
  subscription_ = chain_->Subscribe([this](const consensus::CommittedBlockPtr& block) {
    loop_.Post([this, block] { OnBlock(block); });
  });
  StartApi();
  return server_->Start();
}

// What developers, people and operators see.
void ParticipantNode::StartApi() {
  OpenAiEnvironment openai{
      .loop = loop_,
      .clock = clock_,
      .entropy = entropy_,
      .agent = node_->transfer_agent(),
      .metrics = metrics_,
      .snapshot = ledger_port_.snapshot,
      .self = account(),
      .models = {},
      .models_created_s = static_cast<int64_t>(options_.genesis.time_us / 1'000'000)};
  for (const auto& [id, text] : texts_) {
    openai.models[id] = {.text = text, .tokenizer = text->tokenizer()};
  }
  openai_ = std::make_unique<OpenAiServer>(*server_, std::move(openai), options_.openai);
  events_ = std::make_unique<EventFeed>(*server_, *chain_, metrics_, account());
  explorer_ = std::make_unique<Explorer>(
      *server_, ExplorerEnvironment{
                    .loop = loop_,
                    .chain = *chain_,
                    .node = *node_,
                    .metrics = metrics_,
                    .self = account(),
                    .caught_up = [this] { return CaughtUp(); },
                    .gauges = [this]() -> std::vector<Gauge> {
                      return {
                          {"gonka_event_listeners", "Streams of events", events_->listeners()},
                          {"gonka_http_connections", "Open connections", server_->connections()}};
                    }});
}

// The sequencer is ahead of everybody.
bool ParticipantNode::CaughtUp() const {
  if (account() == options_.genesis.sequencer) return true;
  const BlockFetcher* fetcher = fetcher_running_;
  return fetcher != nullptr && fetcher->caught_up();
}

void ParticipantNode::OnBlock(const consensus::CommittedBlockPtr& block) {
  if (node_) node_->OnBlock(FactsOf(*block));
}

absl::Status ParticipantNode::StartWriter() {
  if (account() == options_.genesis.sequencer) {
    GONKA_ASSIGN_OR_RETURN(
        sequencer_,
        consensus::Sequencer::Create(
            key_, consensus::BeaconChain(BeaconSeed(key_), options_.beacon_chain_length), *chain_));
    producer_ = std::make_unique<BlockProducer>(
        *sequencer_, clock_, log_, int64_t{options_.genesis.params.block_interval_ms} * 1'000,
        [this](const CommitBeacon& renewal) {
          loop_.Post([this, renewal] {
            if (node_) node_->recorder().Add(renewal);
          });
        },
        [this](const absl::Status& status) { options_.on_fatal(ToString(status)); });
    return absl::OkStatus();
  }
  GONKA_ASSIGN_OR_RETURN(follower_, consensus::Follower::Create(*chain_));
  fetcher_ = std::make_unique<BlockFetcher>(
      *client_, BlockSources(*ledger_port_.snapshot(), options_.genesis, account()), *follower_,
      log_, [this](const consensus::Halt& halt) { options_.on_fatal(halt.reason); });
  fetcher_running_ = fetcher_.get();
  return absl::OkStatus();
}

}  // namespace gonka::net
