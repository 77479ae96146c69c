#include "ledger/recording.h"

#include <fmt/format.h>

#include <map>

#include "gonka/ledger/queries.h"

namespace gonka::bench {
namespace {

constexpr size_t kParticipants = 5;

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

class Recorder {
 public:
  explicit Recorder(const RecordingOptions& options) : options_(options) {
    MakeGenesis();
    recording_.chain = Must(consensus::Chain::Open(
        store::Database::InMemory(), recording_.genesis,
        {.application = {.block_bytes_max = 32 << 20},
         .mempool = {.txs_max = 1 << 20, .bytes_max = 1 << 30, .per_sender_max = 1 << 20}}));
    const KeyPair& first = participants_.begin()->second;
    sequencer_ = Must(consensus::Sequencer::Create(first, BeaconOf(first), *recording_.chain));
  }

  Recording Run() && {
    Fund();
    std::vector<Assignment> open;
    for (size_t done = 0; done < options_.inferences; done += options_.per_block) {
      Finish(open);
      open = Start();
      Produce();
    }
    Finish(open);
    Produce();
    return std::move(recording_);
  }

 private:
  static consensus::BeaconChain BeaconOf(const KeyPair& key) {
    return consensus::BeaconChain(key.seed(), 1'000);
  }

  void MakeGenesis() {
    Genesis& genesis = recording_.genesis;
    genesis.name = "bench";
    genesis.params.time.epoch_blocks = 100'000;
    genesis.params.time.settle_blocks = 50'000;
    genesis.params.time.grace_blocks = 25'000;
    genesis.models = {{.id = model_,
                       .name = std::string("tiny"),
                       .price = Amount(2),
                       .context = 512,
                       .top_k = 5,
                       .calibration = {}}};
    for (size_t i = 0; i < kParticipants; ++i) {
      const KeyPair key = KeyOf(fmt::format("participant {}", i));
      participants_.emplace(IdOf(key), key);
    }
    for (const auto& [id, key] : participants_) {
      genesis.participants.push_back({.id = id,
                                      .endpoint = std::string("http://127.0.0.1"),
                                      .weight = 100,
                                      .models = {model_},
                                      .beacon_chain_end = BeaconOf(key).End(0),
                                      .collateral = Amount(1'000'000)});
    }
    genesis.accounts = {{IdOf(developer_), Amount(uint64_t{1} << 50)}};
    genesis.sequencer = participants_.begin()->first;
  }

  // An allowance for every transfer agent, and the blocks until each has its salt.
  void Fund() {
    std::vector<Event> events;
    for (const auto& [id, key] : participants_) {
      events.push_back(Allow{.ta = id,
                             .amount = Amount(uint64_t{1} << 45),
                             .expires_epoch = 1'000,
                             .key_digest = ApiKeyDigest(AsBytes("key"))});
    }
    Submit(developer_, std::move(events));
    for (int i = 0; i < 4; ++i) Produce();
  }

  std::vector<Assignment> Start() {
    const auto snapshot = Must(recording_.chain->Snapshot());
    std::vector<Assignment> open;
    for (const auto& [ta, key] : participants_) {
      std::vector<Event> events;
      for (size_t i = 0; i < options_.per_block / kParticipants; ++i) {
        open.push_back(NextAssignment(*snapshot, ta));
        events.push_back(gonka::Start{.assignment = open.back(), .accept = std::nullopt});
      }
      Submit(key, std::move(events));
    }
    return open;
  }

  Assignment NextAssignment(const ledger::View& view, const AccountId& ta) {
    Assignment assignment;
    Request& request = assignment.request;
    request = {.network = recording_.chain->network(),
               .epoch = 0,
               .model = model_,
               .request_digest = {},
               .tokens_max = 100,
               .price_cap = Amount(2),
               .expiry_height = recording_.chain->height() + 10,
               .developer = IdOf(developer_),
               .sequence = sequences_of_requests_[ta]++,
               .ta = ta,
               .signer = {}};
    assignment.prompt_tokens = 50;
    const auto drawn =
        ledger::DrawExecutor(view, 0, model_, request.developer, ta, request.sequence, 0);
    GONKA_CHECK(std::holds_alternative<AccountId>(drawn));
    assignment.executor = std::get<AccountId>(drawn);
    return assignment;
  }

  void Finish(const std::vector<Assignment>& open) {
    std::map<AccountId, std::vector<Event>> events;
    for (const Assignment& assignment : open) {
      recording_.inferences.push_back(InferenceIdOf(assignment));
      events[assignment.executor].push_back(gonka::Finish{.inference = recording_.inferences.back(),
                                                          .output_tokens = 20,
                                                          .output_digest = {},
                                                          .artifact_root = {},
                                                          .artifact_bytes = 100,
                                                          .finish = FinishCode::kStop,
                                                          .opening = std::nullopt,
                                                          .word = std::nullopt});
    }
    for (auto& [executor, all] : events) Submit(participants_.at(executor), std::move(all));
  }

  void Submit(const KeyPair& key, std::vector<Event> events) {
    for (size_t from = 0; from < events.size(); from += options_.batch) {
      const size_t to = std::min(events.size(), from + options_.batch);
      txs_.push_back(SignTx(key, recording_.chain->network(), sequences_[IdOf(key)]++,
                            {events.begin() + static_cast<ptrdiff_t>(from),
                             events.begin() + static_cast<ptrdiff_t>(to)}));
    }
  }

  void Produce() {
    for (SignedTx& tx : txs_) {
      const TxCode code = Must(recording_.chain->SubmitTx(std::move(tx)));
      if (code != TxCode::kOk) fmt::print(stderr, "refused: {}\n", TxCodeName(code));
      GONKA_CHECK(code == TxCode::kOk);
    }
    txs_.clear();
    do {
      recording_.blocks.push_back(Must(sequencer_->ProduceBlock(0)));
      recording_.txs += recording_.blocks.back().txs.size();
      const auto snapshot = Must(recording_.chain->Snapshot());
      for (const Receipt& receipt : Must(snapshot->GetReceipts(snapshot->height()))) {
        if (receipt.code != TxCode::kOk) fmt::print(stderr, "{}\n", TxCodeName(receipt.code));
        GONKA_CHECK(receipt.code == TxCode::kOk);
        ++recording_.events;
      }
    } while (recording_.chain->mempool().size() > 0);
  }

  const RecordingOptions options_;
  const ModelId model_{Blake2b(AsBytes("model"))};
  const KeyPair developer_ = KeyOf("developer");
  std::map<AccountId, KeyPair> participants_;
  std::map<AccountId, uint64_t> sequences_;
  std::map<AccountId, uint64_t> sequences_of_requests_;
  std::vector<SignedTx> txs_;
  Recording recording_;
  std::unique_ptr<consensus::Sequencer> sequencer_;
};

}  // namespace

Recording Record(const RecordingOptions& options) {
  return Recorder(options).Run();
}

const Recording& SharedRecording(size_t batch) {
  static std::map<size_t, Recording> made;
  const auto it = made.find(batch);
  if (it != made.end()) return it->second;
  // Single-event transactions: an account's sequence window bounds what one block can take.
  const RecordingOptions options{.batch = batch,
                                 .inferences = batch == 1 ? size_t{8'192} : size_t{16'384},
                                 .per_block = 2'048};
  return made.emplace(batch, Record(options)).first->second;
}

}  // namespace gonka::bench
