#include <doctest/doctest.h>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

std::string Refusal(const TestNetwork& net, const BlockHeader& header) {
  const absl::StatusOr<BlockResult> result = ApplyBlock(net.view(), header, {});
  REQUIRE_FALSE(result.ok());
  return Message(result.status());
}

}  // namespace

TEST_CASE("an empty block leaves the app hash as it is and adds no leaf") {
  TestNetwork net;
  const Hash before = net.last().app_hash;
  const uint64_t size = net.chain().history.size;
  net.MakeBlocks(3);
  CHECK(net.last().app_hash == before);
  CHECK(net.last().leaves.empty());
  CHECK_FALSE(net.last().block_leaf);
  CHECK(net.chain().history.size == size);
  CHECK(net.chain().beacon_links == 0);
  CHECK(net.height() == 3);
}

TEST_CASE("the app hash is the root over the leaves of all blocks that changed something") {
  TestNetwork net;
  MerkleFrontier history;
  history.Append(HashOf(*net.last().block_leaf));
  for (int i = 0; i < 5; ++i) {
    net.Do(net.developer(0), Transfer{.to = net.developer_id(1), .amount = Amount(5)});
    const BlockResult& block = net.last();
    std::vector<Hash> hashes;
    for (const Bytes& leaf : block.leaves) {
      REQUIRE(Decode<Leaf>(leaf).ok());
      hashes.push_back(MerkleLeaf(leaf));
    }
    CHECK(block.block_leaf->root == MerkleRoot(hashes));
    CHECK(block.block_leaf->count == hashes.size());
    history.Append(HashOf(*block.block_leaf));
    CHECK(block.app_hash == history.Root());
    // Two accounts, the receipt; the Chain record is a write but no leaf.
    CHECK(block.leaves.size() == 3);
    CHECK(block.writes.size() == 3);
  }
}

TEST_CASE(
    "a refused event costs its sender a fee: a participant from its stake, others from their "
    "balance") {
  NetworkOptions options;
  options.params.money.refused_event_fee = Amount(20);
  TestNetwork net(options);
  const Event wrong = Transfer{.to = net.developer_id(1), .amount = Amount(0)};
  const Amount treasury = net.chain().totals.treasury;

  CHECK(net.Do(net.developer(0), wrong) == TxCode::kMalformed);
  CHECK(net.balance(net.developer_id(0)) == options.balance - Amount(20));
  CHECK(net.Do(net.participant(1), wrong) == TxCode::kMalformed);
  CHECK(net.participant_record(1).collateral == options.collateral - Amount(20));
  CHECK(net.balance(net.id(1)) == options.balance);
  CHECK(net.chain().totals.treasury == treasury + Amount(40));
}

// Otherwise the app hash would tell how a rule is programmed.
TEST_CASE("a value that is the same after a block is no write, whoever has touched it") {
  TestNetwork net;
  const CommitBeacon end{TaggedHash("test/end/1", uint64_t{1})};
  const CommitBeacon other{TaggedHash("test/end/1", uint64_t{2})};
  REQUIRE(net.Do(net.participant(1), end) == TxCode::kOk);
  CHECK(net.last().writes.size() == 3);
  REQUIRE(net.Do(net.participant(1), end) == TxCode::kOk);
  // The account, whose sequence number is used, and the Chain record.
  REQUIRE(net.last().writes.size() == 2);
  CHECK(net.last().writes[0].key == AccountKey(net.id(1)));
  CHECK(net.last().leaves.size() == 2);

  net.Send(net.participant(1), {other, end});
  net.MakeBlock();
  CHECK(net.last().writes.size() == 2);
}

TEST_CASE("a header that does not follow is refused with the reason") {
  TestNetwork net;
  net.MakeBlock();
  struct Row {
    const char* name;
    std::function<void(BlockHeader&)> change;
    const char* reason;
  };
  const Row rows[] = {
      {"height", [](BlockHeader& h) { h.height = 7; }, "block 7: does not follow height 1"},
      {"network", [](BlockHeader& h) { h.network = NetworkId{}; }, "is of network 0000"},
      {"time", [](BlockHeader& h) { h.time_us = 5; }, "time 5 us is not after 1001 us"},
      {"app hash", [](BlockHeader& h) { h.app_hash = Hash{}; }, "expects app hash 0000"},
      {"link", [](BlockHeader& h) { h.link = Hash{}; }, "does not continue the chain"},
      {"proposer",
       [](BlockHeader& h) {
         h.link = Hash{};
         h.proposer = AccountId{};
       },
       "which is no participant"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    BlockHeader header = net.NextHeader();
    row.change(header);
    CHECK(Refusal(net, header).find(row.reason) != std::string::npos);
  }
  // And nothing of it has happened.
  CHECK(net.height() == 1);
  net.MakeBlock();
}

TEST_CASE("a participant without a committed chain cannot reveal links") {
  TestNetwork net;
  BlockHeader header = net.NextHeader();
  header.link = Hash{};
  header.proposer = net.id(2);
  CHECK(Refusal(net, header).find("does not continue the chain") != std::string::npos);
}

TEST_CASE("each link moves the beacon, and blocks without one leave it") {
  TestNetwork net;
  const Hash before = net.chain().beacon;
  REQUIRE(
      net.Do(net.developer(0),
             Allow{.ta = net.id(1), .amount = Amount(9), .expires_epoch = 9, .key_digest = {}}) ==
      TxCode::kOk);
  CHECK(net.chain().beacon == before);
  CHECK(DrawsPending(net.view()));
  const BlockHeader header = net.NextHeader();
  net.MakeBlock();
  CHECK(net.chain().beacon == NextBeacon(before, header.height, *header.link));
  CHECK(net.chain().beacon_links == 1);
  net.MakeBlock();
  CHECK_FALSE(DrawsPending(net.view()));
  const Hash after = net.chain().beacon;
  net.MakeBlocks(2);
  CHECK(net.chain().beacon == after);
}

TEST_CASE("a committed chain end takes over with the first block of the next epoch") {
  TestNetwork net;
  const Hash secret = TaggedHash("test/secret/1", uint64_t{1});
  const Hash end = BeaconChainStep(BeaconChainStep(secret));
  REQUIRE(net.Do(net.participant(2), CommitBeacon{end}) == TxCode::kOk);
  net.RunTo(98);
  CHECK_FALSE(NextChainHead(net.view(), net.id(2)));
  net.MakeBlock();
  CHECK(NextChainHead(net.view(), net.id(2)) == end);
  CHECK(DrawsPending(net.view()));  // The table wants a fresh beacon.
  BlockHeader header = net.NextHeader();
  header.proposer = net.id(2);
  header.link = BeaconChainStep(secret);
  const absl::StatusOr<BlockResult> result = ApplyBlock(net.view(), header, {});
  REQUIRE(result.ok());
}

TEST_CASE("the same blocks give the same writes and hashes") {
  TestNetwork one;
  TestNetwork two;
  for (TestNetwork* net : {&one, &two}) {
    net->AllowAll();
    net->Serve(net->NewJob(0, 1));
    net->MakeBlocks(10);
  }
  CHECK(one.last().app_hash == two.last().app_hash);
  CHECK(one.chain() == two.chain());
}

TEST_CASE("genesis refuses what contradicts itself") {
  TestNetwork net;
  Genesis genesis = net.genesis();
  genesis.sequencer = AccountId{};
  const absl::StatusOr<BlockResult> result = ApplyGenesis(genesis);
  REQUIRE_FALSE(result.ok());
  CHECK(Message(result.status()).find("sequencer") != std::string::npos);
}

}  // namespace gonka::ledger
