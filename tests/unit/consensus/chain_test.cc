#include "gonka/consensus/chain.h"

#include <thread>

#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

TEST_CASE("listeners hear of every block in order, once it can be read, until they leave") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  std::vector<uint64_t> first;
  std::vector<uint64_t> second;
  Chain::SubscriptionId second_id = 0;
  chain->Subscribe([&](const CommittedBlockPtr& block) {
    first.push_back(block->header.height);
    CHECK((*chain->Snapshot())->height() == block->header.height);
    CHECK((*chain->Snapshot())->tip().hash == block->hash);
    CHECK(chain->height() == block->header.height);
  });
  second_id = chain->Subscribe([&](const CommittedBlockPtr& block) {
    second.push_back(block->header.height);
    if (block->header.height == 3) chain->Unsubscribe(second_id);
  });
  for (int i = 0; i < 5; ++i) Produce(*sequencer);
  CHECK(first == std::vector<uint64_t>{1, 2, 3, 4, 5});
  CHECK(second == std::vector<uint64_t>{1, 2, 3});
}

TEST_CASE("what is submitted is in the next block, and what is in a block leaves the mempool") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  const SignedTx tx = network.TransferTx(0, 0, 5);
  CHECK(*chain->SubmitTx(tx) == TxCode::kOk);
  CHECK(*chain->SubmitTx(tx) == TxCode::kOk);  // It waits already.
  // Another one with the same sequence: only one of them will be executed, the other is dropped.
  CHECK(*chain->SubmitTx(network.TransferTx(0, 0, 6)) == TxCode::kOk);
  CHECK(chain->mempool().size() == 2);
  const Block block = Produce(*sequencer);
  CHECK(block.txs.size() == 2);
  CHECK(chain->mempool().size() == 0);
  CHECK(*chain->SubmitTx(tx) == TxCode::kSequenceUsed);
}

TEST_CASE("a follower's mempool is cleaned by the blocks of others") {
  const SmallNetwork network;
  const auto leader = network.MemoryChain();
  const auto chain = network.MemoryChain();
  Submit(*chain, network.TransferTx(0, 0, 5));
  Submit(*chain, network.TransferTx(0, 1, 5));
  Submit(*leader, network.TransferTx(0, 0, 7));  // Takes the sequence from the first.
  const auto follower = *Follower::Create(*chain);
  REQUIRE(follower->Offer(Produce(*network.MakeSequencer(*leader))).ok());
  CHECK(chain->mempool().size() == 1);
  CHECK(chain->mempool().Contains(HashOf(network.TransferTx(0, 1, 5))));
}

TEST_CASE("a sender's quota is a code, a full mempool an error") {
  const SmallNetwork network;
  const auto chain =
      network.MemoryChain({.application = {}, .mempool = {.txs_max = 3, .per_sender_max = 2}});
  CHECK(*chain->SubmitTx(network.TransferTx(0, 0, 1)) == TxCode::kOk);
  CHECK(*chain->SubmitTx(network.TransferTx(0, 1, 1)) == TxCode::kOk);
  CHECK(*chain->SubmitTx(network.TransferTx(0, 2, 1)) == TxCode::kQuotaExceeded);
  CHECK(*chain->SubmitTx(network.TransferTx(1, 0, 1)) == TxCode::kOk);
  CHECK(chain->SubmitTx(network.TransferTx(1, 1, 1)).status().code() ==
        absl::StatusCode::kResourceExhausted);
}

TEST_CASE("threads submit and read while blocks are made") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  std::vector<std::thread> senders;
  std::atomic<int> refused = 0;
  for (const size_t from : {size_t{0}, size_t{1}}) {
    senders.emplace_back([&, from] {
      for (uint64_t i = 0; i < 100; ++i) {
        const auto code = chain->SubmitTx(network.TransferTx(from, i, 1));
        if (!code.ok() || *code != TxCode::kOk) ++refused;
        if (!chain->EncodedBlocks(1, 1 << 20).ok()) ++refused;
      }
    });
  }
  for (int i = 0; i < 50; ++i) Produce(*sequencer);
  for (std::thread& sender : senders) sender.join();
  Produce(*sequencer);
  CHECK(refused == 0);
  CHECK(chain->mempool().size() == 0);
  CHECK(BalanceOf(*chain, network.developer_id(0)) == 1'000'000);
  CHECK(ledger::CheckAdmission(**chain->Snapshot(), network.TransferTx(0, 99, 1)) ==
        TxCode::kSequenceUsed);
}

}  // namespace
}  // namespace gonka::consensus
