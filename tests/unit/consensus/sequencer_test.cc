#include "gonka/consensus/sequencer.h"

#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

TEST_CASE("a sequencer and its followers agree on every app hash over hundreds of blocks") {
  const SmallNetwork network({.crowd = 300});
  const TempDirectory directory;
  const auto leader = network.MemoryChain();
  const auto in_memory = network.MemoryChain();
  const auto on_disk = network.OpenChain(*store::Database::OpenLmdb(directory.path(), kNoSync));
  const auto sequencer = network.MakeSequencer(*leader);
  const auto first = *Follower::Create(*in_memory);
  const auto second = *Follower::Create(*on_disk);
  uint64_t sent = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    Submit(*leader, network.TransferTx(0, 2 * i, i + 1));
    sent += i + 1;
    Submit(*leader, network.TransferTx(1, i, 1));
    if (i % 7 == 0) Submit(*leader, network.CrowdTx(i));
    const Block block = Produce(*sequencer, 2'000'000 + i);
    CHECK(block.txs.size() == (i % 7 == 0 ? 3 : 2));
    REQUIRE(first->Offer(block).ok());
    REQUIRE(second->Offer(*Decode<Block>(Encode(block))).ok());
  }
  const Hash expected = leader->application().Info()->app_hash;
  CHECK(in_memory->application().Info()->app_hash == expected);
  CHECK(on_disk->application().Info()->app_hash == expected);
  CHECK(on_disk->height() == 300);
  CHECK(ledger::CheckInvariants(**on_disk->Snapshot()).ok());
  CHECK(ledger::ReadChain(**leader->Snapshot()).epoch == 7);
  CHECK(BalanceOf(*leader, network.developer_id(0)) == 1'000'000 - sent + 300);
}

TEST_CASE("a block carries a link where draws wait or an epoch begins, and else none") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  CHECK_FALSE(Produce(*sequencer).header.link);
  Submit(*chain, network.AllowTx(network.developer(0), 0));
  CHECK_FALSE(Produce(*sequencer).header.link);  // The draw waits only after this one.
  const Block second = Produce(*sequencer);
  const Block third = Produce(*sequencer);
  REQUIRE(second.header.link);
  REQUIRE(third.header.link);
  CHECK(BeaconChainStep(*second.header.link) == network.Beacon(network.sequencer()).End(0));
  CHECK(BeaconChainStep(*third.header.link) == *second.header.link);
  CHECK_FALSE(Produce(*sequencer).header.link);
  while (chain->height() < 39) CHECK_FALSE(Produce(*sequencer).header.link);
  CHECK(Produce(*sequencer).header.link);  // Block 40 begins epoch 1.
  CHECK_FALSE(Produce(*sequencer).header.link);
}

TEST_CASE("empty blocks without draws leave the app hash alone") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  const Hash before = chain->application().Info()->app_hash;
  for (int i = 0; i < 10; ++i) CHECK(Produce(*sequencer).header.app_hash == before);
  CHECK(chain->application().Info()->app_hash == before);
}

TEST_CASE("a clock that stands still or goes back does not stop the blocks") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  CHECK(Produce(*sequencer, 5'000'000).header.time_us == 5'000'000);
  CHECK(Produce(*sequencer, 5'000'000).header.time_us == 5'000'001);
  CHECK(Produce(*sequencer, 17).header.time_us == 5'000'002);
}

TEST_CASE("the beacon renews itself before it runs dry") {
  const SmallNetwork network({.epoch_blocks = 10, .beacon_length = 30, .crowd = 300});
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  uint64_t renewals = 0;
  for (uint64_t i = 0; i < 300; ++i) {
    Submit(*chain, network.CrowdTx(i));  // A draw, and so a link, in every block.
    const auto renewal = sequencer->Renewal();
    REQUIRE(renewal.ok());
    if (*renewal) {
      Submit(*chain, SignTx(network.sequencer(), network.network(), renewals++, {**renewal}));
    }
    const Block block = Produce(*sequencer);
    CHECK(block.header.link.has_value() == (i > 0));
  }
  CHECK(renewals >= 10);
  // Where it stands is found again from the ledger alone.
  const auto again = network.MakeSequencer(*chain);
  CHECK(Produce(*again).header.link);
}

TEST_CASE("a beacon that ran dry stops the draws, not the blocks") {
  const SmallNetwork network({.epoch_blocks = 40, .beacon_length = 5, .crowd = 20});
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  for (uint64_t i = 0; i < 20; ++i) {
    Submit(*chain, network.CrowdTx(i));
    const Block block = Produce(*sequencer);
    CHECK(block.header.link.has_value() == (i >= 1 && i <= 5));
  }
  CHECK(ledger::DrawsPending(**chain->Snapshot()));
}

TEST_CASE("only the network's sequencer may order, and only with its own beacon") {
  const SmallNetwork network;
  const auto chain = network.MemoryChain();
  const KeyPair& other = network.participant(1);
  const auto stranger = Sequencer::Create(other, network.Beacon(other), *chain);
  CHECK(stranger.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(stranger.status()).find(Hex(other.public_key())) != std::string::npos);
  const auto foreign = Sequencer::Create(network.sequencer(), network.Beacon(other), *chain);
  CHECK(foreign.status().code() == absl::StatusCode::kFailedPrecondition);
  CHECK(Message(foreign.status()).find("none of this node's beacon chains") != std::string::npos);
}

}  // namespace
}  // namespace gonka::consensus
