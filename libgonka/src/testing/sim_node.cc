#include "testing/sim_node.h"

#include <fmt/format.h>

namespace gonka::testing {
namespace {

constexpr const char* kBlockMethod = "sim.block";    // An encoded block; no answer.
constexpr const char* kBlocksMethod = "sim.blocks";  // u64 height; blocks from there on.
constexpr const char* kTxMethod = "sim.tx";          // An encoded transaction.
constexpr size_t kFetchBytesMax = 1 << 20;
constexpr uint64_t kRenewalEveryBlocks = 16;
constexpr uint64_t kOtherModelSeed = 2;

CallEvents Unheard() {
  return {.on_frame = [](Bytes) {}, .on_done = [](absl::Status) {}};
}

// Between an executor and its transfer agent: every token is another one, and the end is signed
// again to match.
class TamperingReply final : public Reply {
 public:
  TamperingReply(std::shared_ptr<Reply> inner, const KeyPair& key, const InferenceId& inference)
      : inner_(std::move(inner)), key_(key), inference_(inference) {}

  void Send(Bytes bytes) override {
    auto frame = Decode<node::ExecuteFrame>(bytes);
    GONKA_CHECK(frame.ok());
    if (auto* produced = std::get_if<node::Produced>(&frame->frame)) {
      for (node::ProducedToken& token : produced->tokens) {
        if (token.id != kByteStopId) token.id ^= 1;
        sent_.push_back(token.id);
      }
    } else if (auto* completed = std::get_if<node::Completed>(&frame->frame)) {
      completed->output_digest = OutputDigest(sent_, completed->finish, completed->output_salt);
      completed->signature = key_.Sign(DeliverySigningHash(inference_, completed->output_digest,
                                                           static_cast<uint32_t>(sent_.size())));
    }
    inner_->Send(Encode(*frame));
  }
  void Finish(absl::Status status) override { inner_->Finish(std::move(status)); }
  bool Cancelled() const override { return inner_->Cancelled(); }

 private:
  const std::shared_ptr<Reply> inner_;
  const KeyPair& key_;
  const InferenceId inference_;
  OutputTokens sent_;
};

std::shared_ptr<Reply> Tampering(const Bytes& request, const KeyPair& key,
                                 std::shared_ptr<Reply> reply) {
  const auto order = Decode<node::Execute>(request);
  if (!order.ok()) return reply;
  return std::make_shared<TamperingReply>(std::move(reply), key,
                                          InferenceIdOf(order->assignment.assignment));
}

uint64_t SeedFor(const SimOptions& options, size_t place) {
  return SimRandom(options.sim_seed * 1'000 + place + 1).Next();
}

}  // namespace

FixedBytes<32> BeaconSeedOf(const KeyPair& key) {
  return TaggedHash("gonka/beacon-seed/1", key.seed());
}

SimNode::SimNode(SimCommon common, size_t place, const KeyPair& key, Conduct conduct)
    : common_(std::move(common)),
      place_(place),
      key_(key),
      conduct_(conduct),
      log_clock_(common_.clock),
      log_(fmt::format("node {}", place), log_clock_),
      entropy_(SeedFor(common_.options, place)) {
  auto chain = consensus::Chain::Open(store::Database::InMemory(), common_.genesis,
                                      {.application = {.verify_threads = 1}, .mempool = {}});
  GONKA_CHECK(chain.ok());
  chain_ = *std::move(chain);
  if (orders()) {
    auto sequencer = consensus::Sequencer::Create(
        key_, consensus::BeaconChain(BeaconSeedOf(key_), kBeaconLength), *chain_);
    GONKA_CHECK(sequencer.ok());
    sequencer_ = *std::move(sequencer);
  } else {
    auto follower = consensus::Follower::Create(*chain_);
    GONKA_CHECK(follower.ok());
    follower_ = *std::move(follower);
  }
  chain_->Subscribe([this](const consensus::CommittedBlockPtr& block) { OnCommitted(block); });
}

SimNode::~SimNode() {
  Crash();
}

int64_t SimNode::IntervalUs() const {
  return int64_t{common_.genesis.params.block_interval_ms} * 1'000;
}

void SimNode::Start() {
  GONKA_CHECK(!running());
  loop_ = std::make_unique<SimLoop>(common_.clock);
  transport_ = common_.network.TransportOf(node_key().public_key());
  MakeServices();
  common_.network.Connect(node_key().public_key(), [this](const std::string& method, const Hash& caller,
                                             Bytes request, std::shared_ptr<Reply> reply) {
    OnCall(method, caller, std::move(request), std::move(reply));
  });
  node_->Resume();
  if (orders()) return ProduceLater();
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
  loop_.reset();
}

void SimNode::SetConduct(Conduct conduct) {
  const bool was_running = running();
  Crash();
  conduct_ = conduct;
  if (was_running) Start();
}

void SimNode::MakeServices() {
  engine::ScriptedOptions engine = common_.options.engine;
  engine.info.vocabulary = kByteVocabulary;
  if (conduct_ == Conduct::kOtherModel) engine.model_seed += kOtherModelSeed;
  node::ServedModels models;
  for (const ModelInfo& model : common_.genesis.models) {
    models[model.id] = {.text = std::make_shared<ByteText>(),
                        .engines = {std::make_shared<engine::ScriptedEngine>(*loop_, engine)}};
  }
  node::NodeOptions options = common_.options.node;
  if (conduct_ == Conduct::kRefuses) options.executor.in_flight_max = 0;
  options.account = id();
  node_ = std::make_unique<node::Node>(
      node::Environment{.loop = *loop_, .entropy = entropy_, .transport = *transport_, .log = log_},
      node::LedgerPort{.snapshot = [this]() -> std::shared_ptr<const ledger::View> {
                         auto snapshot = chain_->Snapshot();
                         GONKA_CHECK(snapshot.ok());
                         return *std::move(snapshot);
                       },
                       .submit = [this](const SignedTx& tx) { Submit(tx); }},
      node_key(), chain_->network(), std::move(models), keep_, options);
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
  const bool shows = method == node::kPayloadMethod || method == node::kOpenMethod;
  if (conduct_ == Conduct::kWithholds && shows) {
    return reply->Finish(absl::UnavailableError("not today"));
  }
  if (conduct_ == Conduct::kTampers && method == node::kExecuteMethod) {
    reply = Tampering(request, key_, std::move(reply));
  }
  node_->OnCall(method, caller, std::move(request), std::move(reply));
}

void SimNode::OnCommitted(const consensus::CommittedBlockPtr& block) {
  common_.on_block(place_, block);
  if (!running()) return;
  node::BlockFacts facts{.header = block->header,
                         .hash = block->hash,
                         .receipts = block->receipts,
                         .notices = block->notices};
  if (conduct_ == Conduct::kNeverChecks) {
    std::erase_if(facts.notices,
                  [](const Notice& notice) { return std::holds_alternative<CheckDrawn>(notice); });
  }
  loop_->Post([this, facts = std::move(facts)] { node_->OnBlock(facts); });
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
    const auto time = common_.genesis.time_us + static_cast<uint64_t>(common_.clock.now_us());
    const auto block = sequencer_->ProduceBlock(time);
    GONKA_CHECK(block.ok());
    Push(*block);
    if (block->header.height % kRenewalEveryBlocks == 0) {
      const auto renewal = sequencer_->Renewal();
      GONKA_CHECK(renewal.ok());
      if (*renewal) node_->recorder().Add(**renewal);
    }
    ProduceLater();
  });
}

void SimNode::Push(const Block& block) {
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
