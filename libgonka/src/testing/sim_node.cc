#include "testing/sim_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "gonka/engine/facts.h"

namespace gonka::testing {
namespace {

constexpr const char* kBlockMethod = "sim.block";    // An encoded block; no answer.
constexpr const char* kBlocksMethod = "sim.blocks";  // u64 height; blocks from there on.
constexpr const char* kTxMethod = "sim.tx";          // An encoded transaction.
constexpr size_t kFetchBytesMax = 1 << 20;
constexpr uint64_t kRenewalEveryBlocks = 16;

CallEvents Unheard() {
  return {.on_frame = [](Bytes) {}, .on_done = [](absl::Status) {}};
}

// A node's calls, as its strategies let them out.
class WatchedTransport final : public Transport {
 public:
  WatchedTransport(std::unique_ptr<Transport> inner, Loop& loop,
                   const std::vector<std::unique_ptr<Strategy>>& strategies)
      : inner_(std::move(inner)), loop_(loop), strategies_(strategies) {}

  CallId Call(const Peer& peer, std::string_view method, Bytes request, CallEvents events,
              CallOptions options) override {
    for (const auto& strategy : strategies_) {
      if (strategy->OnOutgoing(AccountId{peer.id}, method, request, events)) continue;
      loop_.Post(
          [done = std::move(events.on_done)] { done(absl::UnavailableError("nobody was asked")); });
      return kNobodyAsked;
    }
    return inner_->Call(peer, method, std::move(request), std::move(events), options);
  }
  void Cancel(CallId call) override {
    if (call != kNobodyAsked) inner_->Cancel(call);
  }

 private:
  static constexpr CallId kNobodyAsked = UINT64_MAX;
  const std::unique_ptr<Transport> inner_;
  Loop& loop_;
  const std::vector<std::unique_ptr<Strategy>>& strategies_;
};

// One pseudo-model for each that the strategies ask for.
class ChoosingEngine final : public engine::Engine {
 public:
  ChoosingEngine(Loop& loop, engine::ScriptedOptions honest,
                 const std::vector<std::unique_ptr<Strategy>>& strategies, int64_t& machine_us)
      : loop_(loop), honest_(std::move(honest)), strategies_(strategies), machine_us_(machine_us) {
    EngineOf(honest_);
  }

  engine::EngineInfo Info() const override { return honest_.info; }
  RequestId Generate(engine::GenerateRequest request, engine::GenerateEvents events) override {
    const engine::ScriptedOptions chosen = Choose(request.prompt, true);
    engine::Engine& engine = EngineOf(chosen);
    CountPass(chosen, request.prompt.size());
    const bool prefills =
        std::any_of(strategies_.begin(), strategies_.end(),
                    [&](const auto& strategy) { return strategy->Prefills(request.prompt); });
    if (prefills) {
      CountPass(honest_, request.prompt.size());
      events.on_token = Prefilled(request, std::move(events.on_token));
    }
    events.on_token = [this, us = chosen.us_per_token,
                       on_token = std::move(events.on_token)](const engine::TokenFacts& drawn) {
      machine_us_ += us;
      if (on_token) on_token(drawn);
    };
    return Enter(engine, engine.Generate(std::move(request), std::move(events)));
  }
  RequestId Score(engine::ScoreRequest request, engine::ScoreEvents events) override {
    const engine::ScriptedOptions chosen = Choose(request.tokens, false);
    engine::Engine& engine = EngineOf(chosen);
    CountPass(chosen, request.tokens.size());
    return Enter(engine, engine.Score(std::move(request), std::move(events)));
  }
  void Cancel(RequestId request) override {
    const auto found = requests_.find(request);
    if (found != requests_.end()) found->second.first->Cancel(found->second.second);
  }

 private:
  using Key = std::tuple<uint64_t, float, uint64_t>;

  engine::ScriptedOptions Choose(std::span<const uint32_t> tokens, bool executes) const {
    engine::ScriptedOptions chosen = honest_;
    for (const auto& strategy : strategies_) chosen = strategy->Model(tokens, executes, chosen);
    return chosen;
  }
  void CountPass(const engine::ScriptedOptions& model, size_t tokens) const {
    machine_us_ += model.us_per_prompt_token * static_cast<int64_t>(tokens);
  }
  // What one forced pass of the honest model says about each token that another one drew.
  std::function<void(const engine::TokenFacts&)> Prefilled(
      const engine::GenerateRequest& request,
      std::function<void(const engine::TokenFacts&)> on_token) const {
    return [this, tokens = request.prompt, top = request.top_k_facts,
            on_token = std::move(on_token)](const engine::TokenFacts& drawn) mutable {
      std::vector<float> logits(honest_.info.vocabulary);
      engine::ScriptedLogits(honest_, tokens, logits);
      CountPass(honest_, 1);
      on_token(engine::FactsOf(logits, engine::Summarise(logits), drawn.id, top));
      tokens.push_back(drawn.id);
    };
  }
  engine::Engine& EngineOf(const engine::ScriptedOptions& options) {
    auto& engine = engines_[Key(options.model_seed, options.noise, options.noise_seed)];
    if (engine == nullptr) engine = std::make_unique<engine::ScriptedEngine>(loop_, options);
    return *engine;
  }
  RequestId Enter(engine::Engine& engine, RequestId inner) {
    requests_.emplace(++last_, std::pair(&engine, inner));
    if (requests_.size() > kRequestsMax) requests_.erase(requests_.begin());
    return last_;
  }

  static constexpr size_t kRequestsMax = 4'096;  // Far more than run at once.
  Loop& loop_;
  const engine::ScriptedOptions honest_;
  const std::vector<std::unique_ptr<Strategy>>& strategies_;
  int64_t& machine_us_;
  std::map<Key, std::unique_ptr<engine::ScriptedEngine>> engines_;
  std::map<RequestId, std::pair<engine::Engine*, RequestId>> requests_;
  RequestId last_ = 0;
};

uint64_t SeedFor(const SimOptions& options, size_t place) {
  return SimRandom(options.sim_seed * 1'000 + place + 1).Next();
}

}  // namespace

FixedBytes<32> BeaconSeedOf(const KeyPair& key) {
  return TaggedHash("gonka/beacon-seed/1", key.seed());
}

SimNode::SimNode(SimCommon common, size_t place, const KeyPair& key, std::vector<Conduct> conduct)
    : common_(std::move(common)),
      place_(place),
      key_(key),
      conduct_(std::move(conduct)),
      log_clock_(common_.clock, &pace_),
      log_(fmt::format("node {}", place), log_clock_),
      entropy_(SeedFor(common_.options, place)),
      dice_(SeedFor(common_.options, place) ^ 1) {
  disk_.SyncEvery(common_.options.sync_every);
  keep_.SyncEvery(common_.options.sync_every);
  if (!has_ledger()) return;
  OpenLedger();  // Genesis is on every disk from the start.
  chain_.reset();
  disk_.Sync();
}

void SimNode::OpenLedger() {
  auto chain = consensus::Chain::Open(store::Database::InMemory(disk_), common_.genesis,
                                      {.application = {.verify_threads = 1}, .mempool = {}});
  GONKA_CHECK(chain.ok());
  chain_ = *std::move(chain);
}

SimNode::~SimNode() {
  Crash();
}

int64_t SimNode::IntervalUs() const {
  return int64_t{common_.genesis.params.block_interval_ms} * 1'000;
}

void SimNode::Start() {
  GONKA_CHECK(!running());
  if (has_ledger()) OpenLedger();
  if (!has_ledger()) {
    // Blocks come through Hear.
  } else if (orders()) {
    auto sequencer = consensus::Sequencer::Create(
        key_, consensus::BeaconChain(BeaconSeedOf(key_), kBeaconLength), *chain_);
    GONKA_CHECK(sequencer.ok());
    sequencer_ = *std::move(sequencer);
  } else {
    auto follower = consensus::Follower::Create(*chain_);
    GONKA_CHECK(follower.ok());
    follower_ = *std::move(follower);
  }
  if (has_ledger()) {
    chain_->Subscribe([this](const consensus::CommittedBlockPtr& block) { OnCommitted(block); });
  }
  loop_ = std::make_unique<SimLoop>(common_.clock, &pace_);
  engine_loop_ = std::make_unique<SimLoop>(common_.clock, &engine_pace_);
  if (strategies_.empty()) MakeStrategies();
  transport_ = std::make_unique<WatchedTransport>(
      common_.network.TransportOf(node_key().public_key()), *loop_, strategies_);
  MakeServices();
  common_.network.Connect(node_key().public_key(),
                          [this](const std::string& method, const Hash& caller, Bytes request,
                                 std::shared_ptr<Reply> reply) {
                            OnCall(method, caller, std::move(request), std::move(reply));
                          });
  node_->Resume();
  if (orders()) return ProduceLater();
  if (!has_ledger()) return;
  fetching_ = false;
  Fetch();
  FetchLater();
}

// The services go first: they still speak to loop and transport.
void SimNode::Crash() {
  if (!running()) return;
  common_.network.Disconnect(node_key().public_key());
  node_.reset();
  transport_.reset();
  engine_loop_.reset();
  loop_.reset();
  sequencer_.reset();
  follower_.reset();
  chain_.reset();
  changed_.clear();
  dropped_.clear();
}

void SimNode::LosePower() {
  Crash();
  disk_.LoseUnsynced(dice_.Below(disk_.unsynced() + 1));
  keep_.LoseUnsynced(0);
}

void SimNode::SetDiskFull(bool full) {
  disk_.SetFull(full);
  keep_.SetFull(full);
}

void SimNode::SetPace(const SimPace& pace) {
  pace_ = pace;
  pace_.slowness_percent = 100;  // Timeouts are the clock's, computing is the machine's.
  engine_pace_ = {.slowness_percent = pace.slowness_percent};
}

void SimNode::SetConduct(std::vector<Conduct> conduct) {
  const bool was_running = running();
  Crash();
  conduct_ = std::move(conduct);
  strategies_.clear();
  if (was_running) Start();
}

store::SnapshotPtr SimNode::Snapshot() const {
  if (!has_ledger()) return common_.sequencers_ledger();
  auto snapshot =
      chain_ != nullptr ? chain_->Snapshot() : store::Database::InMemory(disk_)->Snapshot();
  GONKA_CHECK(snapshot.ok());
  return *std::move(snapshot);
}

void SimNode::MakeStrategies() {
  for (const Conduct& conduct : conduct_) {
    auto strategy = MakeStrategy(conduct.strategy);
    GONKA_CHECK(strategy.ok());
    Insider insider{.self = id(),
                    .network = NetworkIdOf(common_.genesis),
                    .key = key_,
                    .dice = dice_,
                    .friends = {id()},
                    .victims = {},
                    .snapshot = [this] { return Snapshot(); },
                    .say = [this](Event event) { node_->recorder().Add(std::move(event)); }};
    for (const size_t other : conduct.friends) {
      insider.friends.push_back(common_.participant(other));
    }
    for (const size_t other : conduct.victims) {
      insider.victims.push_back(common_.participant(other));
    }
    (*strategy)->Join(std::move(insider), conduct);
    was_dishonest_ = was_dishonest_ || !(*strategy)->IsHonest();
    strategies_.push_back(*std::move(strategy));
  }
}

std::shared_ptr<engine::Engine> SimNode::MakeEngine() {
  engine::ScriptedOptions engine = common_.options.engine;
  engine.info.vocabulary = kByteVocabulary;
  return std::make_shared<ChoosingEngine>(*engine_loop_, engine, strategies_, machine_us_);
}

node::NodeOptions SimNode::OptionsOf() const {
  node::NodeOptions options = common_.options.node;
  for (const auto& strategy : strategies_) {
    if (const auto max = strategy->InFlightMax()) options.executor.in_flight_max = *max;
  }
  return options;
}

void SimNode::MakeServices() {
  node::ServedModels models;
  for (const ModelInfo& model : common_.genesis.models) {
    models[model.id] = {.text = std::make_shared<ByteText>(), .engines = {MakeEngine()}};
  }
  node::NodeOptions options = OptionsOf();
  options.account = id();
  node_ = std::make_unique<node::Node>(
      node::Environment{.loop = *loop_, .entropy = entropy_, .transport = *transport_, .log = log_},
      node::LedgerPort{
          .snapshot = [this]() -> std::shared_ptr<const ledger::View> { return Snapshot(); },
          .submit = [this](const SignedTx& tx) { SubmitChanged(tx); }},
      node_key(), NetworkIdOf(common_.genesis), std::move(models), keep_, options);
}

void SimNode::OnCall(const std::string& method, const Hash& caller, Bytes request,
                     std::shared_ptr<Reply> reply) {
  if (method == kBlockMethod) {
    reply->Finish(absl::OkStatus());
    return Offer(request);
  }
  if (method == kTxMethod) {
    auto tx = Decode<SignedTx>(request);
    GONKA_CHECK(tx.ok());
    const auto code = chain_->SubmitTx(*std::move(tx));
    return reply->Finish(code.status());
  }
  if (method == kBlocksMethod) {
    const auto blocks = chain_->EncodedBlocks(Reader(request).Int<uint64_t>(), kFetchBytesMax);
    GONKA_CHECK(blocks.ok());
    for (const Bytes& block : *blocks) reply->Send(block);
    return reply->Finish(absl::OkStatus());
  }
  for (const auto& strategy : strategies_) {
    reply = strategy->OnCall(method, caller, request, std::move(reply));
    if (reply == nullptr) return;
  }
  node_->OnCall(method, caller, std::move(request), std::move(reply));
}

void SimNode::OnCommitted(const consensus::CommittedBlockPtr& block) {
  common_.on_block(place_, block);
  Hear(block);
}

void SimNode::Hear(const consensus::CommittedBlockPtr& block) {
  if (!running()) return;
  node::BlockFacts facts{.header = block->header,
                         .hash = block->hash,
                         .receipts = block->receipts,
                         .notices = block->notices};
  TranslateReceipts(facts);
  loop_->Post([this, facts = std::move(facts)]() mutable {
    for (const auto& strategy : strategies_) strategy->OnBlock(facts);
    node_->OnBlock(facts);
  });
}

// The recorder knows its transactions by the hashes that they had before a strategy changed them.
void SimNode::TranslateReceipts(node::BlockFacts& facts) {
  for (Receipt& receipt : facts.receipts) {
    const auto found = changed_.find(receipt.tx);
    if (found == changed_.end()) continue;
    receipt = {.tx = found->second, .index = 0, .code = TxCode::kOk};
  }
  for (const TxHash& tx : dropped_) {
    facts.receipts.push_back({.tx = tx, .index = 0, .code = TxCode::kOk});
  }
  dropped_.clear();
}

void SimNode::SubmitChanged(const SignedTx& tx) {
  std::vector<Event> events;
  for (Event event : tx.events) {
    const bool goes_out =
        std::all_of(strategies_.begin(), strategies_.end(),
                    [&](const auto& strategy) { return strategy->OnEvent(event); });
    if (goes_out) events.push_back(std::move(event));
  }
  if (events.empty()) return dropped_.push_back(HashOf(tx));
  if (events == std::vector<Event>(tx.events.begin(), tx.events.end())) return Submit(tx);
  const SignedTx changed =
      SignTx(node_key(), tx.network, tx.sequence, std::move(events), tx.acts_for);
  changed_[HashOf(changed)] = HashOf(tx);
  Submit(changed);
}

// A transaction that is not taken is the recorder's to send again.
void SimNode::Submit(const SignedTx& tx) {
  if (txs_to_lose_ > 0) {
    --txs_to_lose_;
    return;
  }
  if (orders()) {
    GONKA_CHECK(chain_->SubmitTx(tx).ok());
    return;
  }
  transport_->Call(SequencerPeer(), kTxMethod, Encode(tx), Unheard(), {});
}

void SimNode::ProduceLater() {
  loop_->PostAfter(IntervalUs(), [this] {
    ProduceLater();
    const auto block = ProduceBlock();
    if (!block.ok()) {
      log_.Write(LogLevel::kError, fmt::format("no block: {}", ToString(block.status())));
      return;
    }
    Push(*block);
    if (block->header.height % kRenewalEveryBlocks == 0) {
      const auto renewal = sequencer_->Renewal();
      GONKA_CHECK(renewal.ok());
      if (*renewal) node_->recorder().Add(**renewal);
    }
  });
}

absl::StatusOr<Block> SimNode::ProduceBlock() {
  const int64_t time_us =
      static_cast<int64_t>(common_.genesis.time_us) + std::max<int64_t>(loop_->NowUs(), 0);
  const bool reveals = std::all_of(
      strategies_.begin(), strategies_.end(),
      [this](const auto& strategy) { return strategy->RevealsLink(chain_->height() + 1); });
  if (!reveals) return BlockWithoutLink(static_cast<uint64_t>(time_us));
  return sequencer_->ProduceBlock(static_cast<uint64_t>(time_us));
}

// As the sequencer does it, but for the link.
absl::StatusOr<Block> SimNode::BlockWithoutLink(uint64_t time_us) {
  const store::SnapshotPtr snapshot = Snapshot();
  Block block;
  const auto& limits = chain_->application().options();
  GONKA_ASSIGN_OR_RETURN(block.txs, chain_->application().PrepareProposal(chain_->mempool().Pick(
                                        limits.block_txs_max, limits.block_bytes_max)));
  const store::Tip& tip = snapshot->tip();
  block.header = {.network = tip.network,
                  .height = tip.height + 1,
                  .time_us = std::max(time_us, ledger::ReadChain(*snapshot).time_us + 1),
                  .previous = tip.hash,
                  .app_hash = tip.app_hash,
                  .txs_root = TxsRoot(block.txs),
                  .link = std::nullopt,
                  .proposer = id()};
  block.signature = key_.Sign(HashOf(block.header).value);
  GONKA_RETURN_IF_ERROR(chain_->Append(block).status());
  return block;
}

void SimNode::Push(const Block& block) {
  if (common_.options.one_ledger) return;  // The world tells them.
  const Bytes bytes = Encode(block);
  const auto view = chain_->Snapshot();
  GONKA_CHECK(view.ok());
  for (const auto& [participant, about] : ledger::ListParticipants(**view)) {
    if (participant == id()) continue;
    transport_->Call({.id = participant.value, .url = "sim"}, kBlockMethod, bytes, Unheard(), {});
  }
}

void SimNode::Offer(const Bytes& bytes) {
  auto block = Decode<Block>(bytes);
  GONKA_CHECK(block.ok());
  const absl::Status status = follower_->Offer(*std::move(block));
  if (absl::IsOutOfRange(status)) return Fetch();
  if (status.ok() || absl::IsAlreadyExists(status)) return;
  log_.Write(LogLevel::kError, fmt::format("a block is refused: {}", ToString(status)));
}

// Finds what was lost on the way even where nothing follows it.
void SimNode::FetchLater() {
  loop_->PostAfter(3 * IntervalUs(), [this] {
    Fetch();
    FetchLater();
  });
}

void SimNode::Fetch() {
  if (std::exchange(fetching_, true)) return;
  Writer from;
  from.Int(follower_->next_height());
  transport_->Call(SequencerPeer(), kBlocksMethod, from.Take(),
                   {.on_frame = [this](Bytes bytes) { Offer(bytes); },
                    .on_done = [this](absl::Status) { fetching_ = false; }},
                   {.first_frame_timeout_us = IntervalUs()});
}

}  // namespace gonka::testing
