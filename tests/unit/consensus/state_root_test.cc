// The root of an epoch's first state becomes a record some blocks later, on every node alike.

#include "gonka/ledger/state_root.h"

#include "gonka/consensus/replay.h"
#include "gonka/store/memory_disk.h"
#include "gonka/store/proofs.h"
#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

constexpr uint64_t kFirst = 40;  // Of epoch 1.
constexpr uint64_t kRecorded = kFirst + ledger::kStateRootBlocks;

// A chain that has something to write in every block, until it has recorded a root.
struct Scene {
  Scene() : chain(network.MemoryChain()), sequencer(network.MakeSequencer(*chain)) {
    for (uint64_t i = 0; i < kRecorded + 1; ++i) {
      Submit(*chain, network.TransferTx(0, i, 3));
      blocks.push_back(Produce(*sequencer));
      if (chain->height() == kFirst) root = ledger::StateRootOf(**chain->Snapshot());
    }
  }
  const SmallNetwork network;
  std::unique_ptr<Chain> chain;
  std::unique_ptr<Sequencer> sequencer;
  std::vector<Block> blocks;  // From height 1.
  Hash root;
};

void Follow(Chain& chain, const Scene& scene, uint64_t until) {
  const auto follower = *Follower::Create(chain);
  while (chain.height() < until) {
    const absl::Status offered = follower->Offer(scene.blocks[chain.height()]);
    INFO(ToString(offered));
    REQUIRE(offered.ok());
  }
}

TEST_CASE("the root of an epoch's first state is a record that can be proven and replayed") {
  const Scene scene;
  const store::SnapshotPtr snapshot = *scene.chain->Snapshot();
  const auto recorded = ledger::FindStateRoot(*snapshot, 1);
  REQUIRE(recorded);
  CHECK(recorded->height == kFirst);
  CHECK(recorded->root == scene.root);
  CHECK_FALSE(ledger::FindStateRoot(*snapshot, 0));
  const auto proof = store::ProveState(*snapshot, ledger::StateRootKey(1));
  REQUIRE(proof.ok());
  CHECK(proof->block.height == kRecorded);
  CHECK(VerifyProof(*proof, HashOf(proof->header)).ok());
  const ReplayReport report = *Replay(scene.chain->database(), {.check_recording = true});
  CHECK(report.difference == "");
  CHECK(report.height == kRecorded + 1);
}

TEST_CASE("a node that restarts in any block records the same root") {
  const Scene scene;
  const TempDirectory directory;
  for (uint64_t height = kFirst - 1; height <= kRecorded + 1; ++height) {
    Follow(*scene.network.DiskChain(directory.path()), scene, height);
  }
  CHECK((*scene.network.DiskChain(directory.path())->Snapshot())->tip() ==
        (*scene.chain->Snapshot())->tip());
}

TEST_CASE("a root that was not known when the node stopped is made from what was overwritten") {
  const Scene scene;
  const store::MemoryDisk disk;
  {
    const auto chain = scene.network.OpenChain(store::Database::InMemory(disk));
    Follow(*chain, scene, kFirst);
    // As if the root took its time.
    for (uint64_t height = kFirst + 1; height < kRecorded; ++height) {
      const Block& block = scene.blocks[height - 1];
      std::vector<ledger::VerifiedTx> txs;
      for (const SignedTx& tx : block.txs) txs.push_back({tx, HashOf(tx)});
      const auto result = ledger::ApplyBlock(**chain->Snapshot(), block.header, txs);
      REQUIRE(result.ok());
      REQUIRE(chain->database()
                  .CommitBlock(block, *result, {.state_root = std::nullopt, .keep_before = true})
                  .ok());
    }
    const auto snapshot = *chain->Snapshot();
    const ledger::Overlay before(*snapshot, *snapshot->GetStateBefore());
    CHECK(ledger::StateRootOf(before) == scene.root);
    CHECK(ledger::StateRootOf(*snapshot) != scene.root);
  }
  const auto chain = scene.network.OpenChain(store::Database::InMemory(disk));
  Follow(*chain, scene, kRecorded + 1);
  CHECK((*chain->Snapshot())->tip() == (*scene.chain->Snapshot())->tip());
  CHECK((*chain->Snapshot())->GetStateBefore()->empty());  // Nothing is kept for longer.
}

TEST_CASE("a block that records a root is not executed without it, or with another's") {
  const Scene scene;
  const auto chain = scene.network.MemoryChain();
  Follow(*chain, scene, kRecorded - 1);
  const BlockHeader& header = scene.blocks[kRecorded - 1].header;
  for (const auto& root : {std::optional<ledger::StateRoot>(),
                           std::optional(ledger::StateRoot{kFirst - 1, scene.root})}) {
    const auto result = ledger::ApplyBlock(**chain->Snapshot(), header, {}, root);
    CHECK(result.status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK(Message(result.status()).find("block 56 records the root of the state after block 40") !=
          std::string::npos);
  }
}

TEST_CASE("in a short epoch the root comes with its last block") {
  const SmallNetwork network({.epoch_blocks = 8});
  const auto chain = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*chain);
  while (chain->height() < 14) Produce(*sequencer);
  CHECK_FALSE(ledger::FindStateRoot(**chain->Snapshot(), 1));
  Produce(*sequencer);
  CHECK(ledger::FindStateRoot(**chain->Snapshot(), 1));
}

}  // namespace
}  // namespace gonka::consensus
