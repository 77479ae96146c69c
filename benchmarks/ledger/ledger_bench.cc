// What the ledger does in a second. Every inference is two events, a Start and a Finish, with its
// executor drawn and its check queued and drawn; one epoch, so no settlement is in it. Items are
// events unless the name says otherwise.

#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <chrono>
#include <filesystem>
#include <functional>

#include "gonka/consensus/follower.h"
#include "gonka/consensus/replay.h"
#include "gonka/ledger/queries.h"
#include "gonka/store/proofs.h"
#include "gonka/store/shadow.h"
#include "ledger/recording.h"

namespace gonka::bench {
namespace {

class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "gonka-bench-XXXXXX").string();
    GONKA_CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::vector<ledger::VerifiedTx> Verified(const Block& block) {
  std::vector<ledger::VerifiedTx> txs;
  for (const SignedTx& tx : block.txs) txs.push_back({tx, HashOf(tx)});
  return txs;
}

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// The rules alone: signatures were checked before, the state is a sorted map.
void ApplyInMemory(benchmark::State& state, const Recording& recording) {
  std::vector<std::vector<ledger::VerifiedTx>> verified;
  for (const Block& block : recording.blocks) verified.push_back(Verified(block));
  for (auto _ : state) {
    double seconds = 0;
    store::Shadow view;
    view.TakeGenesis(recording.genesis, *ledger::ApplyGenesis(recording.genesis));
    for (size_t i = 0; i < recording.blocks.size(); ++i) {
      absl::StatusOr<ledger::BlockResult> result;
      seconds += Seconds(
          [&] { result = ledger::ApplyBlock(view, recording.blocks[i].header, verified[i]); });
      GONKA_CHECK(result.ok());
      view.TakeBlock(recording.blocks[i], *result);
    }
    state.SetIterationTime(seconds);
  }
  state.SetItemsProcessed(static_cast<int64_t>(recording.events) * state.iterations());
}
void BM_ApplyInMemory(benchmark::State& state) {
  ApplyInMemory(state, SharedRecording(64));
}
BENCHMARK(BM_ApplyInMemory)->UseManualTime()->Unit(benchmark::kMillisecond);

// The same in a network of so many, each of whom has something to finish in every block.
void BM_ApplyAmong(benchmark::State& state) {
  const Recording recording = Record({.participants = static_cast<size_t>(state.range(0))});
  size_t bytes = 0;
  for (const Block& block : recording.blocks) bytes += Encode(block).size();
  ApplyInMemory(state, recording);
  state.counters["bytes of blocks an inference"] =
      static_cast<double>(bytes) / static_cast<double>(recording.inferences.size());
}
BENCHMARK(BM_ApplyAmong)
    ->Arg(5)
    ->Arg(64)
    ->Arg(512)
    ->Arg(4'096)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// Signatures, rules and LMDB with its syncs; two threads for signatures. For batches of one also:
// what checking the same signatures alone takes in this very run, and the share of that rate.
void BM_Durable(benchmark::State& state) {
  const Recording& recording = SharedRecording(static_cast<size_t>(state.range(0)));
  double durable = 0;
  double signatures = 0;
  for (auto _ : state) {
    const TempDirectory directory;
    auto database = store::Database::OpenLmdb(directory.path());
    GONKA_CHECK(database.ok());
    consensus::Application application(**database);
    GONKA_CHECK(application.InitChain(recording.genesis).ok());
    const double seconds = Seconds([&] {
      for (const Block& block : recording.blocks) {
        GONKA_CHECK(application.FinalizeBlock(block).ok());
        GONKA_CHECK(application.Commit().ok());
      }
    });
    state.SetIterationTime(seconds);
    durable += seconds;
    signatures += Seconds([&] {
      for (const Block& block : recording.blocks) {
        for (const SignedTx& tx : block.txs) GONKA_CHECK(VerifyTx(tx));
      }
    });
  }
  state.SetItemsProcessed(static_cast<int64_t>(recording.events) * state.iterations());
  state.counters["signatures"] = static_cast<double>(recording.txs);
  state.counters["signatures/s, one thread"] =
      static_cast<double>(recording.txs) * static_cast<double>(state.iterations()) / signatures;
  state.counters["share of signatures on two threads"] = signatures / 2 / durable;
}
BENCHMARK(BM_Durable)->Arg(64)->Arg(1)->UseManualTime()->Unit(benchmark::kMillisecond);

// The blocks into a fresh database on disk, with its syncs: one by one, or as many at once as a
// follower fetches.
double CatchUp(const Genesis& genesis, const std::vector<Block>& blocks, bool together) {
  const TempDirectory directory;
  auto database = store::Database::OpenLmdb(directory.path());
  GONKA_CHECK(database.ok());
  const auto chain = *consensus::Chain::Open(*std::move(database), genesis);
  const auto follower = *consensus::Follower::Create(*chain);
  return Seconds([&] {
    if (together) {
      GONKA_CHECK(follower->OfferAll(blocks).ok());
    } else {
      for (const Block& block : blocks) GONKA_CHECK(follower->Offer(block).ok());
    }
  });
}

// A follower from genesis: signatures, rules, comparison with the next header, LMDB.
void BM_CatchUp(benchmark::State& state) {
  const Recording& recording = SharedRecording(64);
  for (auto _ : state) {
    state.SetIterationTime(CatchUp(recording.genesis, recording.blocks, state.range(0) == 1));
  }
  state.SetItemsProcessed(static_cast<int64_t>(recording.events) * state.iterations());
}
BENCHMARK(BM_CatchUp)
    ->ArgName("together")
    ->Arg(0)
    ->Arg(1)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// Items are blocks.
void BM_CatchUpEmpty(benchmark::State& state) {
  const Recording& empty = SharedEmptyBlocks();
  for (auto _ : state) {
    state.SetIterationTime(CatchUp(empty.genesis, empty.blocks, state.range(0) == 1));
  }
  state.SetItemsProcessed(static_cast<int64_t>(empty.blocks.size()) * state.iterations());
}
BENCHMARK(BM_CatchUpEmpty)
    ->ArgName("together")
    ->Arg(0)
    ->Arg(1)
    ->UseManualTime()
    ->Unit(benchmark::kMillisecond);

// The audit's way: everything executed again in memory, every table compared.
void BM_Audit(benchmark::State& state) {
  const Recording& recording = SharedRecording(64);
  for (auto _ : state) {
    const auto report = consensus::Replay(recording.chain->database(), {.check_recording = true});
    GONKA_CHECK(report.ok() && !report->differs_at);
  }
  state.SetItemsProcessed(static_cast<int64_t>(recording.events) * state.iterations());
}
BENCHMARK(BM_Audit)->Unit(benchmark::kMillisecond);

// Items are proofs of records. The blocks have thousands of leaves.
void BM_ProofMade(benchmark::State& state) {
  const Recording& recording = SharedRecording(64);
  const auto snapshot = *recording.chain->Snapshot();
  size_t i = 0;
  for (auto _ : state) {
    const InferenceId& id = recording.inferences[++i * 997 % (recording.inferences.size() / 2)];
    GONKA_CHECK(store::ProveState(*snapshot, ledger::RecordKey(id)).ok());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ProofMade)->Unit(benchmark::kMicrosecond);

void BM_ProofVerified(benchmark::State& state) {
  const Recording& recording = SharedRecording(64);
  const auto snapshot = *recording.chain->Snapshot();
  const auto proof = store::ProveState(*snapshot, ledger::RecordKey(recording.inferences.front()));
  GONKA_CHECK(proof.ok());
  const BlockHash hash = HashOf(proof->header);
  for (auto _ : state) GONKA_CHECK(VerifyProof(*proof, hash).ok());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(BM_ProofVerified)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace gonka::bench
