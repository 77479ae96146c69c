#include "gonka/consensus/replay.h"

#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

TEST_CASE("a replay of an honest recording agrees to the last block") {
  const SmallNetwork network({.crowd = 60});
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  for (uint64_t i = 0; i < 60; ++i) {
    Submit(*chain, network.TransferTx(0, 2 * i, 3));
    if (i % 5 == 0) Submit(*chain, network.CrowdTx(i));
    Produce(*sequencer);
  }
  std::vector<uint64_t> heights;
  const auto report = Replay(chain->database(), {.until = UINT64_MAX,
                                                 .check_invariants = true,
                                                 .progress = [&](uint64_t height, uint64_t of) {
                                                   CHECK(of == 60);
                                                   heights.push_back(height);
                                                 }});
  REQUIRE(report.ok());
  CHECK(report->difference == "");
  CHECK_FALSE(report->differs_at);
  CHECK(report->height == 60);
  CHECK(report->txs == 72);
  CHECK(report->events == 72);
  CHECK(heights.size() == 61);
  CHECK(
      Replay(chain->database(), {.until = 7, .check_invariants = false, .progress = {}})->height ==
      7);
}

TEST_CASE("an empty database cannot be replayed") {
  CHECK(Replay(*store::Database::InMemory()).status().code() ==
        absl::StatusCode::kFailedPrecondition);
}

// A recording in which somebody wrote what the block's transactions do not give.
TEST_CASE("a replay names the first block whose result is not what its transactions give") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  for (uint64_t i = 0; i < 5; ++i) {
    Submit(*chain, network.TransferTx(0, i, 3));
    Produce(*sequencer);
  }
  const auto honest = *chain->Snapshot();
  const auto recording = store::Database::InMemory();
  Application application(*recording);
  REQUIRE(application.InitChain(network.genesis()).ok());
  for (uint64_t height = 1; height <= 3; ++height) {
    REQUIRE(application.FinalizeBlock(*honest->GetBlock(height)).ok());
    REQUIRE(application.Commit().ok());
  }
  const Block fourth = *honest->GetBlock(4);
  const auto without_txs = ledger::ApplyBlock(**recording->Snapshot(), fourth.header, {});
  REQUIRE(without_txs.ok());
  REQUIRE(recording->CommitBlock(fourth, *without_txs).ok());

  const auto report = Replay(*recording);
  REQUIRE(report.ok());
  CHECK(report->height == 3);
  CHECK(report->differs_at == 4);
  INFO(report->difference);
  CHECK(report->difference.find("block 4: the app hash after it is") == 0);
  CHECK(report->difference.find(Hex(without_txs->app_hash)) != std::string::npos);
  CHECK(report->difference.find(Hex(honest->GetInfo(4)->app_hash)) != std::string::npos);
}

TEST_CASE("a recorded block that is not the sequencer's is found") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  Block block = Produce(*network.MakeSequencer(*chain));
  block.signature.bytes[0] ^= 1;
  const auto recording = store::Database::InMemory();
  Application application(*recording);
  REQUIRE(application.InitChain(network.genesis()).ok());
  REQUIRE(application.FinalizeBlock(block).ok());
  REQUIRE(application.Commit().ok());
  const auto report = Replay(*recording);
  CHECK(report->differs_at == 1);
  CHECK(report->difference.find("is not the sequencer's") != std::string::npos);
}

}  // namespace
}  // namespace gonka::consensus
