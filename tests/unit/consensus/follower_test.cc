#include "gonka/consensus/follower.h"

#include "gonka/consensus/replay.h"
#include "gonka/store/memory_disk.h"
#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

// Five blocks of the sequencer, with a transfer in each, and a follower that has the first two.
struct Scene {
  Scene() : leader(network.MemoryChain()), chain(network.MemoryChain()) {
    const auto sequencer = network.MakeSequencer(*leader);
    for (uint64_t i = 0; i < 5; ++i) {
      Submit(*leader, network.TransferTx(0, i, 10));
      blocks.push_back(Produce(*sequencer));
    }
    follower = *Follower::Create(*chain);
    REQUIRE(follower->Offer(blocks[0]).ok());
    REQUIRE(follower->Offer(blocks[1]).ok());
  }

  // The block as the sequencer would have signed it.
  Block Resign(Block block) const {
    block.signature = network.sequencer().Sign(HashOf(block.header).value);
    return block;
  }

  SmallNetwork network;
  std::unique_ptr<Chain> leader;
  std::unique_ptr<Chain> chain;
  std::unique_ptr<Follower> follower;
  std::vector<Block> blocks;
};

bool Says(const absl::Status& status, const std::string& part) {
  INFO(ToString(status));
  return Message(status).find(part) != std::string::npos;
}

TEST_CASE("a block that somebody changed on the way is refused, and the right one still taken") {
  struct Row {
    const char* what;
    std::function<void(Block&)> change;
    const char* says;
  };
  const SmallNetwork other({.name = "other"});
  const Row rows[] = {
      {"another signer",
       [](Block& block) {
         block.signature = SmallNetwork::KeyOf("second").Sign(HashOf(block.header).value);
       },
       "is not the sequencer's"},
      {"another proposer",
       [](Block& block) {
         const KeyPair key = SmallNetwork::KeyOf("second");
         block.header.proposer = AccountOf(key.public_key());
         block.signature = key.Sign(HashOf(block.header).value);
       },
       "the sequencer is"},
      {"another time", [](Block& block) { ++block.header.time_us; }, "is not the sequencer's"},
      {"another app hash", [](Block& block) { block.header.app_hash.bytes[0] ^= 1; },
       "is not the sequencer's"},
      {"another network", [&](Block& block) { block.header.network = other.network(); },
       "belongs to network"},
      {"a transaction less", [](Block& block) { block.txs.clear(); }, "transactions have root"},
      {"a transaction twice", [](Block& block) { block.txs.push_back(block.txs[0]); },
       "transactions have root"},
      {"another amount",
       [](Block& block) { std::get<Transfer>(block.txs[0].events[0]).amount = Amount(11); },
       "transactions have root"},
      {"another signature", [](Block& block) { block.txs[0].signature.bytes[7] ^= 1; },
       "transactions have root"},
  };
  Scene scene;
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Block block = scene.blocks[2];
    row.change(block);
    const absl::Status status = scene.follower->Offer(block);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(Says(status, row.says));
    CHECK(Says(status, "block 3"));
    CHECK_FALSE(scene.follower->halted());
    CHECK(scene.chain->height() == 2);
  }
  for (size_t i = 2; i < 5; ++i) CHECK(scene.follower->Offer(scene.blocks[i]).ok());
  CHECK(scene.chain->application().Info()->app_hash ==
        scene.leader->application().Info()->app_hash);
}

TEST_CASE("a gap is named, a repetition is harmless") {
  Scene scene;
  const absl::Status gap = scene.follower->Offer(scene.blocks[4]);
  CHECK(gap.code() == absl::StatusCode::kOutOfRange);
  CHECK(Says(gap, "block 5 is offered, block 3 is next"));
  CHECK(scene.follower->Offer(scene.blocks[0]).code() == absl::StatusCode::kAlreadyExists);
  CHECK(scene.follower->Offer(scene.blocks[1]).code() == absl::StatusCode::kAlreadyExists);
  CHECK(scene.follower->next_height() == 3);
  CHECK(scene.follower->Offer(scene.blocks[2]).ok());
}

TEST_CASE("genesis cannot be offered, whoever signed it") {
  Scene scene;
  Block block = scene.blocks[0];
  block.header.height = 0;
  CHECK(scene.follower->Offer(scene.Resign(block)).code() == absl::StatusCode::kInvalidArgument);
  CHECK_FALSE(scene.follower->halted());
}

TEST_CASE("another app hash, signed by the sequencer, stops the follower for good") {
  Scene scene;
  Block block = scene.blocks[2];
  const Hash ours = block.header.app_hash;
  block.header.app_hash = HashOfText("what the sequencer computed");
  const absl::Status status = scene.follower->Offer(scene.Resign(block));
  CHECK(status.code() == absl::StatusCode::kAborted);
  CHECK(Says(status, "block 3"));
  CHECK(Says(status, Hex(ours)));
  CHECK(Says(status, Hex(block.header.app_hash)));
  REQUIRE(scene.follower->halted());
  CHECK(scene.follower->halted()->height == 3);
  CHECK(scene.follower->Offer(scene.blocks[2]).code() == absl::StatusCode::kAborted);
  CHECK(scene.chain->height() == 2);
}

TEST_CASE("a signed block that breaks the rules stops the follower for good") {
  Scene scene;
  SUBCASE("a transaction that its sender did not sign") {
    Block block = scene.blocks[2];
    block.txs[0].signature.bytes[3] ^= 1;
    block.header.txs_root = TxsRoot(block.txs);
    const absl::Status status = scene.follower->Offer(scene.Resign(block));
    CHECK(status.code() == absl::StatusCode::kAborted);
    CHECK(Says(status, Hex(HashOf(block.txs[0]))));
  }
  SUBCASE("a time that does not ascend") {
    Block block = scene.blocks[2];
    block.header.time_us = 1;
    CHECK(scene.follower->Offer(scene.Resign(block)).code() == absl::StatusCode::kAborted);
  }
  SUBCASE("a link that does not continue the chain") {
    Block block = scene.blocks[2];
    block.header.link = HashOfText("made up");
    CHECK(scene.follower->Offer(scene.Resign(block)).code() == absl::StatusCode::kAborted);
  }
  CHECK(scene.follower->halted());
  CHECK(scene.chain->height() == 2);
}

TEST_CASE("two signed blocks at one height stop the follower, and the evidence outlives it") {
  Scene scene;
  Block second = scene.blocks[1];
  ++second.header.time_us;
  second = scene.Resign(second);
  const absl::Status status = scene.follower->Offer(second);
  CHECK(status.code() == absl::StatusCode::kAborted);
  CHECK(Says(status, Hex(HashOf(second.header))));
  CHECK(Says(status, Hex(HashOf(scene.blocks[1].header))));
  const Halt halt = *scene.follower->halted();
  REQUIRE(halt.evidence);
  const store::Equivocation& evidence = *halt.evidence;
  CHECK(evidence.ours.height == evidence.theirs.height);
  const PublicKey& signer = scene.network.sequencer().public_key();
  CHECK(VerifySignature(signer, HashOf(evidence.ours).value, evidence.our_signature));
  CHECK(VerifySignature(signer, HashOf(evidence.theirs).value, evidence.their_signature));

  const auto restarted = *Follower::Create(*scene.chain);
  REQUIRE(restarted->halted());
  CHECK(restarted->halted()->reason == halt.reason);
  CHECK(restarted->Offer(scene.blocks[2]).code() == absl::StatusCode::kAborted);
}

TEST_CASE("a signed block on another past is evidence too") {
  Scene scene;
  Block third = scene.blocks[2];
  third.header.previous = BlockHash{HashOfText("another block 2")};
  const absl::Status status = scene.follower->Offer(scene.Resign(third));
  CHECK(status.code() == absl::StatusCode::kAborted);
  REQUIRE(scene.follower->halted());
  REQUIRE(scene.follower->halted()->evidence);
  CHECK(scene.follower->halted()->evidence->ours.height == 2);
  CHECK(scene.follower->halted()->evidence->theirs.height == 3);
}

TEST_CASE(
    "blocks that are offered together are one write, told of in order, and come out the same") {
  const SmallNetwork network;
  const auto leader = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*leader);
  std::vector<Block> blocks;
  for (uint64_t i = 0; i < 60; ++i) {  // Over an epoch's first block, 40, and its state's root, 56.
    Submit(*leader, network.TransferTx(0, i, 10));
    blocks.push_back(Produce(*sequencer));
  }
  store::MemoryDisk disk;
  disk.SyncEvery(0);
  const auto chain = network.OpenChain(store::Database::InMemory(disk));
  const auto follower = *Follower::Create(*chain);
  std::vector<uint64_t> told;
  chain->Subscribe([&](const CommittedBlockPtr& block) { told.push_back(block->header.height); });
  const size_t before = disk.unsynced();
  CHECK(follower->OfferAll(blocks).ok());
  CHECK(disk.unsynced() - before == 2);  // Up to block 40, and the rest.
  CHECK((*chain->Snapshot())->tip() == (*leader->Snapshot())->tip());
  REQUIRE(told.size() == 60);
  CHECK(std::is_sorted(told.begin(), told.end()));
  CHECK(follower->OfferAll(blocks).ok());  // A repetition is harmless.
  CHECK(follower->OfferAll({}).ok());
  const ReplayReport report = *Replay(chain->database(), {.check_recording = true});
  CHECK(report.difference == "");
}

TEST_CASE("of blocks that are offered together, those before a bad one stay") {
  Scene scene;
  std::vector<Block> blocks = {scene.blocks.begin() + 1, scene.blocks.end()};  // One is known.
  SUBCASE("changed on the way: refused") {
    blocks[2].signature.bytes[0] ^= 1;
    const absl::Status status = scene.follower->OfferAll(blocks);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK(Says(status, "block 4"));
    CHECK(scene.chain->height() == 3);
    CHECK(scene.follower->OfferAll({scene.blocks.begin() + 3, scene.blocks.end()}).ok());
    CHECK((*scene.chain->Snapshot())->tip() == (*scene.leader->Snapshot())->tip());
  }
  SUBCASE("one is missing") {
    blocks.erase(blocks.begin() + 2);
    CHECK(scene.follower->OfferAll(blocks).code() == absl::StatusCode::kOutOfRange);
    CHECK(scene.chain->height() == 3);
  }
  SUBCASE("signed, and breaks the rules: the follower stops") {
    blocks[2].txs[0].signature.bytes[3] ^= 1;
    blocks[2].header.txs_root = TxsRoot(blocks[2].txs);
    blocks[2] = scene.Resign(blocks[2]);
    CHECK(scene.follower->OfferAll(blocks).code() == absl::StatusCode::kAborted);
    CHECK(scene.chain->height() == 3);
    CHECK(scene.follower->halted()->height == 4);
  }
  SUBCASE("signed, on another past: evidence") {
    blocks[2].header.previous = BlockHash{HashOfText("another block 3")};
    blocks[2] = scene.Resign(blocks[2]);
    CHECK(scene.follower->OfferAll(blocks).code() == absl::StatusCode::kAborted);
    CHECK(scene.chain->height() == 3);
    REQUIRE(scene.follower->halted());
    CHECK(scene.follower->halted()->evidence);
  }
}

}  // namespace
}  // namespace gonka::consensus
