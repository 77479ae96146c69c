#include "gonka/select/weight_table.h"

#include <doctest/doctest.h>

#include <random>

#include "gonka/crypto/hash.h"
#include "gonka/select/draw.h"

namespace gonka::select {
namespace {

std::vector<uint64_t> Weights(uint64_t size, int shape) {
  std::vector<uint64_t> weights;
  for (uint64_t i = 0; i < size; ++i) {
    const uint64_t spread = (i * 2'654'435'761 + size) % 1'000;
    if (shape == 0) weights.push_back(spread);
    if (shape == 1) weights.push_back(i == size / 2 ? uint64_t{1} << 50 : spread % 3);
    if (shape == 2) weights.push_back(i % 64 == 63 ? 1 : 0);
    if (shape == 3) weights.push_back(uint64_t{1} << (i % 56));
  }
  return weights;
}

TEST_CASE("the table draws exactly as the scan does, whatever the weights look like") {
  for (const uint64_t size : {1, 2, 3, 7, 64, 65, 1'000}) {
    for (int shape = 0; shape < 4; ++shape) {
      const std::vector<uint64_t> weights = Weights(size, shape);
      const WeightTable table(weights);
      if (table.total() == 0) continue;
      for (uint64_t i = 0; i < 200; ++i) {
        const Hash seed = TaggedHash("test/seed", i);
        CAPTURE(size);
        CAPTURE(shape);
        CHECK(table.Draw(seed) == DrawWeighted(seed, weights));
      }
    }
  }
}

TEST_CASE("leaving one out is the same as giving it no weight") {
  for (int shape = 0; shape < 4; ++shape) {
    std::vector<uint64_t> weights = Weights(130, shape);
    const WeightTable table(weights);
    for (size_t excluded = 0; excluded < weights.size(); ++excluded) {
      const uint64_t kept = weights[excluded];
      weights[excluded] = 0;
      const Hash seed = TaggedHash("test/seed", uint64_t{excluded});
      CHECK(table.DrawExcept(seed, excluded) == DrawWeighted(seed, weights));
      weights[excluded] = kept;
    }
  }
}

TEST_CASE("an order without some is the scan's order over weights of which theirs are zero") {
  std::mt19937_64 random(7);
  for (uint64_t round = 0; round < 300; ++round) {
    std::vector<uint64_t> weights(1 + random() % 40);
    for (uint64_t& weight : weights) weight = random() % 3 == 0 ? 0 : random() % 1'000;
    const WeightTable table(weights);
    std::vector<size_t> without;
    for (size_t i = random() % 5; i > 0; --i) without.push_back(random() % weights.size());
    for (const size_t gone : without) weights[gone] = 0;
    const Hash seed = TaggedHash("test/order/1", round);
    for (const size_t limit : {size_t{0}, size_t{1}, size_t{3}, weights.size(), SIZE_MAX}) {
      CHECK(table.Order(seed, without, limit) == DrawOrder(seed, weights, limit));
    }
  }
}

TEST_CASE("where nobody can be drawn, nobody is") {
  const Hash seed = TaggedHash("test/seed", uint64_t{1});
  CHECK_FALSE(WeightTable({}).Draw(seed));
  CHECK_FALSE(WeightTable(std::vector<uint64_t>{0, 0}).Draw(seed));
  CHECK_FALSE(WeightTable(std::vector<uint64_t>{0, 9}).DrawExcept(seed, 1));
  CHECK(WeightTable(std::vector<uint64_t>{0, 9}).DrawExcept(seed, 0) == 1);
}

}  // namespace
}  // namespace gonka::select
