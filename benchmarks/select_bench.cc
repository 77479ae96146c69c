// The executor draw among a million participants: at most 100 ns a draw and 20 ms a rebuild on two
// cores. Also what one seed costs to hash, and the order of a small committee.

#include <benchmark/benchmark.h>

#include "gonka/crypto/hash.h"
#include "gonka/select/draw.h"
#include "gonka/select/weight_table.h"

namespace gonka::select {
namespace {

std::vector<uint64_t> Weights(size_t size) {
  std::vector<uint64_t> weights;
  for (uint64_t i = 0; i < size; ++i) weights.push_back(1 + i * 2'654'435'761 % 10'007);
  return weights;
}

constexpr uint64_t kSeeds = 1 << 18;  // So many that draws do not stay in the cache.
std::vector<Hash> Seeds() {
  std::vector<Hash> seeds;
  for (uint64_t i = 0; i < kSeeds; ++i) seeds.push_back(TaggedHash("bench/seed", i));
  return seeds;
}

void BM_Draw(benchmark::State& state) {
  const WeightTable table(Weights(static_cast<size_t>(state.range(0))));
  const std::vector<Hash> seeds = Seeds();
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(table.Draw(seeds[++i % kSeeds]));
}
BENCHMARK(BM_Draw)->Arg(1'000)->Arg(1'000'000);

void BM_DrawExcept(benchmark::State& state) {
  const WeightTable table(Weights(1'000'000));
  const std::vector<Hash> seeds = Seeds();
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(table.DrawExcept(seeds[++i % kSeeds], 500'000));
  }
}
BENCHMARK(BM_DrawExcept);

void BM_Rebuild(benchmark::State& state) {
  const std::vector<uint64_t> weights = Weights(1'000'000);
  for (auto _ : state) benchmark::DoNotOptimize(WeightTable(weights));
}
BENCHMARK(BM_Rebuild)->Unit(benchmark::kMillisecond);

void BM_ScanDraw(benchmark::State& state) {
  const std::vector<uint64_t> weights = Weights(static_cast<size_t>(state.range(0)));
  const std::vector<Hash> seeds = Seeds();
  size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(DrawWeighted(seeds[++i % kSeeds], weights));
}
BENCHMARK(BM_ScanDraw)->Arg(8)->Arg(1'000);

void BM_Seed(benchmark::State& state) {
  const Hash beacon = TaggedHash("bench/beacon");
  uint64_t sequence = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(TaggedHash("bench/select", beacon, beacon, ++sequence, uint8_t{0}));
  }
}
BENCHMARK(BM_Seed);

void BM_Order(benchmark::State& state) {
  const std::vector<uint64_t> weights = Weights(static_cast<size_t>(state.range(0)));
  const Hash seed = TaggedHash("bench/seed", uint64_t{1});
  for (auto _ : state) benchmark::DoNotOptimize(DrawOrder(seed, weights));
}
BENCHMARK(BM_Order)->Arg(8)->Arg(1'000);

}  // namespace
}  // namespace gonka::select
