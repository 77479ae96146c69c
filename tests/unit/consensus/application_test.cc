#include "gonka/consensus/application.h"

#include "gonka/store/proofs.h"
#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

TEST_CASE("before genesis nothing answers, and genesis is written once") {
  const SmallNetwork network;
  const auto database = store::Database::InMemory();
  Application application(*database);
  CHECK(application.Info().status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK_FALSE(application.CheckTx(network.TransferTx(0, 0, 1)).ok());
  CHECK(application.Commit().status().code() == absl::StatusCode::kFailedPrecondition);
  REQUIRE(application.InitChain(network.genesis()).ok());
  const AppInfo info = *application.Info();
  CHECK(info.height == 0);
  CHECK(info.network == network.network());
  CHECK(application.InitChain(network.genesis()).ok());
  CHECK(application.Info()->app_hash == info.app_hash);
}

TEST_CASE("a genesis that breaks its own rules is refused, and nothing is written") {
  const SmallNetwork network;
  const auto database = store::Database::InMemory();
  Application application(*database);
  Genesis broken = network.genesis();
  broken.params.time.epoch_blocks = 0;
  CHECK(application.InitChain(broken).code() == absl::StatusCode::kInvalidArgument);
  CHECK_FALSE(database->ReadTip()->has_value());
}

TEST_CASE("the data directory of another network is refused with both names") {
  const TempDirectory directory;
  const SmallNetwork mine({.name = "mine"});
  const SmallNetwork yours({.name = "yours"});
  mine.DiskChain(directory.path());
  const auto chain = Chain::Open(*store::Database::OpenLmdb(directory.path()), yours.genesis());
  CHECK(chain.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(chain.status()) == fmt::format("data directory {} belongs to network {}, not {}",
                                               directory.path(), Hex(mine.network()),
                                               Hex(yours.network())));
}

TEST_CASE("CheckTx tells by a code what the rules would say") {
  const SmallNetwork network;
  const SmallNetwork other({.name = "other"});
  const auto chain = network.MemoryChain();
  Submit(*chain, network.TransferTx(0, 7, 1));
  Produce(*network.MakeSequencer(*chain));

  SignedTx forged = network.TransferTx(0, 8, 1);
  forged.signature.bytes[0] ^= 1;
  SignedTx changed = network.TransferTx(0, 8, 1);
  std::get<Transfer>(changed.events[0]).amount = Amount(2);
  const std::pair<SignedTx, TxCode> rows[] = {
      {network.TransferTx(0, 8, 1), TxCode::kOk},
      {network.TransferTx(0, 7, 1), TxCode::kSequenceUsed},
      {network.TransferTx(0, 1'000'000, 1), TxCode::kSequenceTooFar},
      {other.TransferTx(0, 8, 1), TxCode::kWrongNetwork},
      {SignTx(SmallNetwork::KeyOf("nobody"), network.network(), 0,
              {Transfer{network.developer_id(0), Amount(1)}}),
       TxCode::kUnknownAccount},
      {SignTx(network.developer(0), network.network(), 9, {}), TxCode::kMalformed},
      {forged, TxCode::kBadSignature},
      {changed, TxCode::kBadSignature},
  };
  for (const auto& [tx, code] : rows) {
    CAPTURE(TxCodeName(code));
    CHECK(*chain->application().CheckTx(tx) == code);
  }
  // A good signature that is known does not make a bad one good.
  CHECK(*chain->application().CheckTx(forged) == TxCode::kBadSignature);
}

TEST_CASE("a proposal holds what is admitted and fits, in order") {
  const SmallNetwork network;
  const size_t one = Encode(network.TransferTx(0, 0, 1)).size();
  const auto chain = network.MemoryChain(
      {.application = {.block_txs_max = 4, .block_bytes_max = 3 * one + 10}, .mempool = {}});
  SignedTx forged = network.TransferTx(1, 0, 1);
  forged.signature.bytes[0] ^= 1;
  std::vector<SignedTx> candidates = {forged, network.TransferTx(0, 9'999, 1)};
  for (uint64_t i = 0; i < 6; ++i) candidates.push_back(network.TransferTx(0, i, 1));
  const auto proposal = chain->application().PrepareProposal(candidates);
  REQUIRE(proposal.ok());
  REQUIRE(proposal->size() == 3);
  for (uint64_t i = 0; i < 3; ++i) CHECK((*proposal)[i].sequence == i);
}

TEST_CASE("a finalized block is nowhere until it is committed") {
  const SmallNetwork network;
  const auto leader = network.MemoryChain();
  Submit(*leader, network.TransferTx(0, 0, 5));
  const Block block = Produce(*network.MakeSequencer(*leader));

  const auto chain = network.MemoryChain();
  Application& application = chain->application();
  REQUIRE(application.ProcessProposal(block).ok());
  const auto app_hash = application.FinalizeBlock(block);
  REQUIRE(app_hash.ok());
  CHECK(application.Info()->height == 0);
  CHECK(BalanceOf(*chain, network.developer_id(1)) == 1'000'000);
  CHECK(*application.FinalizeBlock(block) == *app_hash);  // As often as one likes.
  const auto committed = application.Commit();
  REQUIRE(committed.ok());
  CHECK((*committed)->app_hash == *app_hash);
  CHECK((*committed)->hash == HashOf(block.header));
  CHECK((*committed)->txs == std::vector{HashOf(block.txs[0])});
  CHECK((*committed)->receipts == std::vector{Receipt{HashOf(block.txs[0]), 0, TxCode::kOk}});
  CHECK(application.Info()->height == 1);
  CHECK(application.Info()->app_hash == leader->application().Info()->app_hash);
  CHECK(BalanceOf(*chain, network.developer_id(1)) == 1'000'005);
  CHECK_FALSE(application.Commit().ok());
}

TEST_CASE("one bad signature among many refuses the block and is named") {
  const SmallNetwork network;
  for (const unsigned threads : {1u, 4u}) {
    const auto chain =
        network.MemoryChain({.application = {.verify_threads = threads}, .mempool = {}});
    Block block;
    for (uint64_t i = 0; i < 60; ++i) block.txs.push_back(network.TransferTx(0, i, 1));
    block.header.height = 1;
    for (const size_t bad : {size_t{0}, size_t{31}, size_t{59}}) {
      Block forged = block;
      forged.txs[bad].signature.bytes[10] ^= 1;
      const absl::Status status = chain->application().FinalizeBlock(forged).status();
      CHECK(status.code() == absl::StatusCode::kInvalidArgument);
      CHECK(Message(status).find(fmt::format("transaction number {} ", bad)) != std::string::npos);
      CHECK(Message(status).find(Hex(HashOf(forged.txs[bad]))) != std::string::npos);
    }
  }
}

Bytes NumberAndIndex(uint64_t height, uint32_t index) {
  Writer out;
  out.Int(height);
  out.Int(index);
  return out.Take();
}

TEST_CASE("queries answer with values and with proofs that hold against a later block") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  const SignedTx tx = network.TransferTx(0, 0, 5);
  Submit(*chain, tx);
  const Block block = Produce(*sequencer);
  const auto ask = [&](const std::string& path, Bytes data) {
    return chain->application().Query({.path = path, .data = std::move(data), .prove = true});
  };
  const Bytes account = ledger::AccountKey(network.developer_id(1));
  CHECK(ask("state", account).status().code() == absl::StatusCode::kUnavailable);
  const Block next = Produce(*sequencer);
  const BlockHash trusted = HashOf(next.header);

  const auto state = ask("state", account);
  REQUIRE(state.ok());
  CHECK(Decode<ledger::Account>(state->value)->balance == Amount(1'000'005));
  REQUIRE(state->proof);
  CHECK(VerifyProof(*state->proof, trusted).ok());
  CHECK(Bytes(*std::get<StateWrite>(state->proof->leaf).value) == state->value);

  Bytes receipt_data = ToBytes(HashOf(tx).value.span());
  receipt_data.insert(receipt_data.end(), {0, 0, 0, 0});
  const auto receipt = ask("receipt", receipt_data);
  REQUIRE(receipt.ok());
  CHECK(Decode<Receipt>(receipt->value)->code == TxCode::kOk);
  CHECK(VerifyProof(*receipt->proof, trusted).ok());

  const auto notice = ask("notice", NumberAndIndex(0, 0));
  REQUIRE(notice.ok());
  CHECK(std::holds_alternative<EpochStarted>(*Decode<Notice>(notice->value)));
  CHECK(VerifyProof(*notice->proof, trusted).ok());

  Writer height;
  height.Int(uint64_t{1});
  const auto stored = chain->application().Query({"block", height.Take(), false});
  REQUIRE(stored.ok());
  CHECK(stored->value == Encode(block));
}

TEST_CASE("queries that make no sense are told so") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  Produce(*network.MakeSequencer(*chain));
  const auto code = [&](const std::string& path, Bytes data, bool prove = false) {
    return chain->application().Query({path, std::move(data), prove}).status().code();
  };
  using absl::StatusCode;
  CHECK(code("nonsense", {}) == StatusCode::kInvalidArgument);
  CHECK(code("state", {}) == StatusCode::kNotFound);
  CHECK(code("state", Bytes(2'000, 1)) == StatusCode::kNotFound);
  CHECK(code("notice", {1, 2, 3}) == StatusCode::kInvalidArgument);
  CHECK(code("notice", NumberAndIndex(0, 99)) == StatusCode::kNotFound);
  CHECK(code("notice", NumberAndIndex(99, 0)) == StatusCode::kNotFound);
  CHECK(code("receipt", Bytes(35, 1)) == StatusCode::kInvalidArgument);
  CHECK(code("receipt", Bytes(36, 1)) == StatusCode::kNotFound);
  CHECK(code("block", NumberAndIndex(1, 0)) == StatusCode::kInvalidArgument);
  CHECK(code("block", {9, 0, 0, 0, 0, 0, 0, 0}) == StatusCode::kNotFound);
  CHECK(code("block", {1, 0, 0, 0, 0, 0, 0, 0}, true) == StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace gonka::consensus
