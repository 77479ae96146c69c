// A newcomer takes the state in chunks instead of executing the chain, and follows from there.

#include "gonka/store/state_sync.h"

#include <fstream>

#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

namespace fs = std::filesystem;
using store::StateImport;
using store::StateManifest;

// A chain with more state than fits into one chunk, its export, and three blocks after it.
struct Scene {
  Scene() : chain(network.MemoryChain()), sequencer(network.MakeSequencer(*chain)) {
    for (uint64_t i = 0; i < 20; ++i) {
      Submit(*chain, network.TransferTx(0, i, 3));
      Produce(*sequencer);
    }
    const auto exported = store::ExportState(**chain->Snapshot(), served());
    INFO(ToString(exported.status()));
    REQUIRE(exported.ok());
    manifest = *exported;
    for (uint64_t i = 20; i < 23; ++i) {
      Submit(*chain, network.TransferTx(0, i, 3));
      later.push_back(Produce(*sequencer));
    }
  }
  std::string served() const { return directory.path() + "/served"; }
  std::string taken() const { return directory.path() + "/taken"; }
  Hash root() const { return StateRootOf(manifest); }
  Bytes Chunk(uint32_t i) const { return *store::ReadStateChunk(served(), i); }
  std::unique_ptr<StateImport> Begin() const {
    auto import = StateImport::Open(taken(), manifest, root());
    INFO(ToString(import.status()));
    REQUIRE(import.ok());
    return *std::move(import);
  }
  std::unique_ptr<StateImport> TakeAll() const {
    auto import = Begin();
    for (const uint32_t i : import->Missing()) REQUIRE(import->Add(i, Chunk(i)).ok());
    return import;
  }

  // So many accounts that the state has several chunks.
  const SmallNetwork network{{.crowd = 9'000}};
  const TempDirectory directory;
  std::unique_ptr<Chain> chain;
  std::unique_ptr<Sequencer> sequencer;
  StateManifest manifest;
  std::vector<Block> later;
};

bool Says(const absl::Status& status, const std::string& part) {
  INFO(ToString(status));
  return !status.ok() && Message(status).find(part) != std::string::npos;
}

TEST_CASE("a newcomer takes a snapshot, is interrupted, goes on, and follows the chain") {
  const Scene scene;
  REQUIRE(scene.manifest.chunks.size() >= 2);
  CHECK(*store::ReadStateManifest(scene.served()) == scene.manifest);
  {
    const auto import = scene.Begin();
    CHECK(import->Missing().size() == scene.manifest.chunks.size());
    CHECK(import->Add(1, scene.Chunk(1)).ok());
  }
  const auto import = scene.Begin();  // After a restart.
  CHECK(import->Missing().size() == scene.manifest.chunks.size() - 1);
  CHECK(Says(import->Add(1, scene.Chunk(1)), "chunk 1 is there"));
  const auto database = store::Database::InMemory();
  CHECK(Says(import->Commit(*database, scene.network.genesis()), "chunks are missing"));
  for (const uint32_t i : import->Missing()) REQUIRE(import->Add(i, scene.Chunk(i)).ok());

  const TempDirectory disk;
  auto on_disk = *store::Database::OpenLmdb(disk.path(), kNoSync);
  REQUIRE(import->Commit(*on_disk, scene.network.genesis()).ok());
  CHECK(Says(import->Commit(*on_disk, scene.network.genesis()), "has a state already"));
  on_disk.reset();
  const auto chain = scene.network.DiskChain(disk.path());
  CHECK(chain->height() == 20);
  const auto follower = *Follower::Create(*chain);
  for (const Block& block : scene.later) {
    const absl::Status offered = follower->Offer(block);
    INFO(ToString(offered));
    CHECK(offered.ok());
  }
  CHECK((*chain->Snapshot())->tip() == (*scene.chain->Snapshot())->tip());
  // The newcomer serves the very same chunks, and knows what it does not have.
  const auto again = store::ExportState(**chain->Snapshot(), disk.path() + "/again");
  const auto theirs =
      store::ExportState(**scene.chain->Snapshot(), scene.directory.path() + "/later");
  CHECK(again->chunks == theirs->chunks);
  CHECK(Says((*chain->Snapshot())->GetBlock(19).status(), "block 19 is not in the archive"));
}

TEST_CASE("a forged chunk is refused, whoever forged it, and the right one still taken") {
  const Scene scene;
  const auto import = scene.Begin();
  Bytes forged = scene.Chunk(0);
  forged[forged.size() / 2] ^= 1;
  CHECK(Says(import->Add(0, forged), "chunk 0 of the snapshot after block 20 has hash"));
  CHECK(Says(import->Add(0, scene.Chunk(1)), "has hash"));
  CHECK(Says(import->Add(99, scene.Chunk(1)), "no number 99"));
  CHECK(import->Add(0, scene.Chunk(0)).ok());
  // Damaged between two starts: fetched again.
  std::ofstream(scene.taken() + "/chunk-000000", std::ios::binary) << "something else";
  CHECK(Says(scene.Begin()->Commit(*store::Database::InMemory(), scene.network.genesis()),
             "chunks are missing"));
  CHECK(scene.Begin()->Missing().front() == 0);
}

TEST_CASE("a forged snapshot is refused: another root, another block, another network") {
  const Scene scene;
  StateManifest forged = scene.manifest;
  std::swap(forged.chunks[0], forged.chunks[1]);
  CHECK(Says(StateImport::Open(scene.taken(), forged, scene.root()).status(),
             "the snapshot after block 20 has state root"));

  scene.TakeAll();
  const auto refused = [&](const StateManifest& manifest, const Genesis& genesis) {
    const auto import = *StateImport::Open(scene.taken(), manifest, scene.root());
    const auto database = store::Database::InMemory();
    const absl::Status status = import->Commit(*database, genesis);
    CHECK_FALSE(database->ReadTip()->has_value());  // Nothing was written.
    return status;
  };
  forged = scene.manifest;
  forged.block = scene.later[0];
  CHECK(Says(refused(forged, scene.network.genesis()), "the state is the one after block 20"));
  forged = scene.manifest;
  forged.block.signature.bytes[0] ^= 1;
  CHECK(Says(refused(forged, scene.network.genesis()), "is not signed by the sequencer"));
  forged = scene.manifest;
  forged.block.txs.clear();
  CHECK(Says(refused(forged, scene.network.genesis()), "has other transactions"));
  CHECK(Says(refused(scene.manifest, SmallNetwork({.name = "other"}).genesis()),
             "the snapshot is of network"));
}

TEST_CASE("an export appears whole, once, and not at genesis") {
  const Scene scene;
  CHECK(Says(store::ExportState(**scene.chain->Snapshot(), scene.served()).status(),
             "is there already"));
  CHECK(Says(store::ExportState(**scene.network.MemoryChain()->Snapshot(), scene.taken()).status(),
             "genesis is its own snapshot"));
  CHECK(Says(store::ReadStateManifest(scene.taken()).status(), "there is no"));
  fs::create_directories(scene.taken());
  std::ofstream(scene.taken() + "/manifest") << "x";
  CHECK(Says(store::ReadStateManifest(scene.taken()).status(), "is damaged"));
}

}  // namespace
}  // namespace gonka::consensus
