// A node that stops, cleanly or not, goes on where it was.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gonka/consensus/replay.h"
#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

TEST_CASE("a sequencer that restarts goes on with the next block and the next link") {
  const SmallNetwork network({.crowd = 60});
  const TempDirectory directory;
  const auto follower_chain = network.MemoryChain();
  const auto follower = *Follower::Create(*follower_chain);
  for (uint64_t run = 0; run < 4; ++run) {
    const auto chain = network.DiskChain(directory.path());
    const auto sequencer = network.MakeSequencer(*chain);
    CHECK(chain->height() == run * 15);
    for (uint64_t i = 0; i < 15; ++i) {
      Submit(*chain, network.CrowdTx(run * 15 + i));
      const Block block = Produce(*sequencer);
      CHECK(block.header.link.has_value() == (run + i > 0));
      REQUIRE(follower->Offer(block).ok());
    }
  }
  CHECK(follower_chain->height() == 60);
}

TEST_CASE("a follower that restarts asks for the block after its last") {
  const SmallNetwork network;
  const TempDirectory directory;
  const auto leader = network.MemoryChain();
  const auto sequencer = network.MakeSequencer(*leader);
  for (uint64_t i = 0; i < 20; ++i) {
    Submit(*leader, network.TransferTx(0, i, 1));
    Produce(*sequencer);
  }
  while (true) {
    const auto chain = network.DiskChain(directory.path());
    const auto follower = *Follower::Create(*chain);
    const auto blocks = leader->EncodedBlocks(follower->next_height(), 2'000);
    REQUIRE(blocks.ok());
    if (blocks->empty()) break;
    for (const Bytes& block : *blocks) REQUIRE(follower->Offer(*Decode<Block>(block)).ok());
  }
  CHECK(network.DiskChain(directory.path())->application().Info()->app_hash ==
        leader->application().Info()->app_hash);
}

// The child's whole life: transfers to and fro, and draws, until it is killed.
[[noreturn]] void OrderUntilKilled(const SmallNetwork& network, const std::string& directory,
                                   int progress, uint64_t offset) {
  auto database = store::Database::OpenLmdb(directory, kNoSync);
  if (!database.ok()) _exit(1);
  const auto chain = Chain::Open(*std::move(database), network.genesis());
  if (!chain.ok()) _exit(1);
  const auto sequencer =
      Sequencer::Create(network.sequencer(), network.Beacon(network.sequencer()), **chain);
  if (!sequencer.ok()) _exit(1);
  for (uint64_t i = 0;; ++i) {
    const size_t from = i % 2;
    (void)(*chain)->SubmitTx(network.TransferTx(from, offset + i, 100 + i)).ok();
    (void)(*chain)->SubmitTx(network.CrowdTx(offset + i)).ok();
    const uint8_t byte = 0;
    if (!(*sequencer)->ProduceBlock(0).ok() || write(progress, &byte, 1) != 1) _exit(1);
  }
}

TEST_CASE("kill -9 in the midst of blocks loses no coin and no block that was told of") {
  const SmallNetwork network({.crowd = 500});
  const TempDirectory directory;
  for (int round = 0; round < 4; ++round) {
    const uint64_t before = network.DiskChain(directory.path())->height();
    int progress[2];
    REQUIRE(pipe(progress) == 0);
    const pid_t child = fork();
    if (child == 0) OrderUntilKilled(network, directory.path(), progress[1], before);
    REQUIRE(child > 0);
    close(progress[1]);
    uint64_t told = 0;
    uint8_t byte = 0;
    while (told < static_cast<uint64_t>(5 + 3 * round) && read(progress[0], &byte, 1) == 1) ++told;
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    CHECK(WIFSIGNALED(status));
    while (read(progress[0], &byte, 1) == 1) ++told;
    close(progress[0]);

    const auto chain = network.DiskChain(directory.path());
    CHECK(chain->height() >= before + told);
    CHECK(chain->height() <= before + told + 1);
    const absl::Status invariants = ledger::CheckInvariants(**chain->Snapshot());
    INFO(ToString(invariants));
    CHECK(invariants.ok());
    const ReplayReport report = *Replay(chain->database());
    CHECK(report.difference == "");
    CHECK(report.height == chain->height());
  }
}

}  // namespace
}  // namespace gonka::consensus
