#include "ledger/traffic.h"

#include <fmt/format.h>

#include <ctime>

#include "gonka/ledger/queries.h"

namespace gonka::bench {
namespace {

constexpr size_t kAgents = 5;
constexpr size_t kLinks = 20'000;  // Of a beacon chain: blocks that a run can have.

template <class T>
T Must(absl::StatusOr<T> value) {
  if (!value.ok()) fmt::print(stderr, "{}\n", ToString(value.status()));
  GONKA_CHECK(value.ok());
  return *std::move(value);
}

KeyPair KeyOf(const std::string& name) {
  return KeyPair::FromSeed(Blake2b(AsBytes(name)));
}
AccountId IdOf(const KeyPair& key) {
  return AccountOf(key.public_key());
}
consensus::BeaconChain BeaconOf(const KeyPair& key) {
  return consensus::BeaconChain(key.seed(), kLinks);
}

}  // namespace

Traffic::Traffic(std::unique_ptr<store::Database> database, const TrafficOptions& options)
    : options_(options), developer_(KeyOf("developer")), model_{Blake2b(AsBytes("model"))} {
  MakeGenesis();
  chain_ = Must(consensus::Chain::Open(
      std::move(database), genesis_,
      {.application = {.block_bytes_max = 32 << 20},
       .mempool = {.txs_max = 1 << 20, .bytes_max = 1 << 30, .per_sender_max = 1 << 20}}));
  const KeyPair& first = participants_.begin()->second;
  sequencer_ = Must(consensus::Sequencer::Create(first, BeaconOf(first), *chain_));
}

void Traffic::MakeGenesis() {
  genesis_.name = "bench";
  genesis_.params.time.epoch_blocks = options_.epoch_blocks;
  genesis_.params.time.settle_blocks = options_.epoch_blocks / 2;
  genesis_.params.time.grace_blocks = options_.epoch_blocks / 4;
  genesis_.params.time.retained_epochs = options_.retained_epochs;
  genesis_.models = {{.id = model_,
                      .name = std::string("tiny"),
                      .price = Amount(2),
                      .context = 512,
                      .top_k = 5,
                      .calibration = {}}};
  for (size_t i = 0; i < options_.participants; ++i) {
    const KeyPair key = KeyOf(fmt::format("participant {}", i));
    participants_.emplace(IdOf(key), key);
  }
  for (const auto& [id, key] : participants_) {
    if (agents_.size() < kAgents) agents_.push_back(id);
    genesis_.participants.push_back({.id = id,
                                     .endpoint = std::string("http://127.0.0.1"),
                                     .weight = 100,
                                     .models = {model_},
                                     .beacon_chain_end = {},
                                     .collateral = Amount(1'000'000)});
  }
  genesis_.accounts = {{IdOf(developer_), Amount(uint64_t{1} << 50)}};
  genesis_.sequencer = participants_.begin()->first;
  genesis_.participants[0].beacon_chain_end = BeaconOf(participants_.begin()->second).End(0);
}

// An allowance for every transfer agent, and the blocks until each has its salt.
std::vector<Block> Traffic::Fund() {
  std::vector<Event> events;
  for (const AccountId& ta : agents_) {
    events.push_back(Allow{.ta = ta,
                           .amount = Amount(uint64_t{1} << 45),
                           .expires_epoch = 1'000'000,
                           .key_digest = ApiKeyDigest(AsBytes("key"))});
  }
  Submit(developer_, std::move(events));
  std::vector<Block> blocks;
  for (int i = 0; i < 4; ++i) {
    for (Block& block : Produce()) blocks.push_back(std::move(block));
  }
  return blocks;
}

std::vector<Block> Traffic::Round() {
  std::vector<Block> blocks;
  if (chain_->height() == 0) blocks = Fund();
  Finish();
  Start();
  for (Block& block : Produce()) blocks.push_back(std::move(block));
  return blocks;
}

std::vector<Block> Traffic::Last() {
  Finish();
  return Produce();
}

void Traffic::Start() {
  const auto snapshot = Must(chain_->Snapshot());
  for (const AccountId& ta : agents_) {
    std::vector<Event> events;
    for (size_t i = 0; i < options_.per_round / agents_.size(); ++i) {
      open_.push_back(NextAssignment(*snapshot, ta));
      events.push_back(gonka::Start{.assignment = open_.back(), .accept = std::nullopt});
    }
    Submit(participants_.at(ta), std::move(events));
  }
}

Assignment Traffic::NextAssignment(const ledger::View& view, const AccountId& ta) {
  // The block to come may be the first of an epoch.
  const ledger::Chain chain = ledger::ReadChain(view);
  const bool last_block = chain.height + 1 == chain.epoch_first_height + options_.epoch_blocks;
  Assignment assignment;
  Request& request = assignment.request;
  request = {.network = chain_->network(),
             .epoch = chain.epoch,
             .model = model_,
             .request_digest = {},
             .tokens_max = 100,
             .price_cap = Amount(2),
             .expiry_height = chain.height + (last_block ? 9 : 10),
             .developer = IdOf(developer_),
             .sequence = request_sequences_[ta]++,
             .ta = ta,
             .signer = {}};
  assignment.prompt_tokens = 50;
  const auto drawn =
      ledger::DrawExecutor(view, request.epoch, model_, request.developer, ta, request.sequence, 0);
  GONKA_CHECK(std::holds_alternative<AccountId>(drawn));
  assignment.executor = std::get<AccountId>(drawn);
  return assignment;
}

void Traffic::Finish() {
  std::map<AccountId, std::vector<Event>> events;
  for (const Assignment& assignment : open_) {
    finished_.push_back(InferenceIdOf(assignment));
    events[assignment.executor].push_back(gonka::Finish{.inference = finished_.back(),
                                                        .output_tokens = 20,
                                                        .output_digest = {},
                                                        .artifact_root = {},
                                                        .artifact_bytes = 100,
                                                        .finish = FinishCode::kStop,
                                                        .opening = std::nullopt,
                                                        .word = std::nullopt});
  }
  open_.clear();
  for (auto& [executor, all] : events) Submit(participants_.at(executor), std::move(all));
}

void Traffic::Submit(const KeyPair& key, std::vector<Event> events) {
  for (size_t from = 0; from < events.size(); from += options_.batch) {
    const size_t to = std::min(events.size(), from + options_.batch);
    txs_.push_back(SignTx(key, chain_->network(), sequences_[IdOf(key)]++,
                          {events.begin() + static_cast<ptrdiff_t>(from),
                           events.begin() + static_cast<ptrdiff_t>(to)}));
  }
}

std::vector<Block> Traffic::Produce() {
  for (SignedTx& tx : txs_) {
    const TxCode code = Must(chain_->SubmitTx(std::move(tx)));
    if (code != TxCode::kOk) fmt::print(stderr, "refused: {}\n", TxCodeName(code));
    GONKA_CHECK(code == TxCode::kOk);
  }
  txs_.clear();
  std::vector<Block> blocks;
  do {
    const std::clock_t begin = std::clock();
    blocks.push_back(Must(sequencer_->ProduceBlock(0)));
    cpu_seconds_ += static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
    const auto snapshot = Must(chain_->Snapshot());
    for (const Receipt& receipt : Must(snapshot->GetReceipts(snapshot->height()))) {
      if (receipt.code != TxCode::kOk) fmt::print(stderr, "{}\n", TxCodeName(receipt.code));
      GONKA_CHECK(receipt.code == TxCode::kOk);
      ++events_;
    }
  } while (chain_->mempool().size() > 0);
  return blocks;
}

}  // namespace gonka::bench
