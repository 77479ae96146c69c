#include "gonka/select/draw.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "gonka/crypto/hash.h"

namespace gonka::select {
namespace {

Hash Seed(uint64_t number) {
  return TaggedHash("test/seed", number);
}

Hash SeedWithWord(uint64_t word) {
  Hash seed;
  for (size_t i = 0; i < 8; ++i) seed.bytes[i] = static_cast<uint8_t>(word >> (8 * i));
  return seed;
}

TEST_CASE("a uniform draw is the seed's first word modulo n") {
  CHECK(UniformBelow(SeedWithWord(41), 10) == 1);
  CHECK(UniformBelow(SeedWithWord(UINT64_MAX), 1) == 0);
  CHECK(UniformBelow(SeedWithWord(UINT64_MAX), uint64_t{1} << 63) == (uint64_t{1} << 63) - 1);
}

TEST_CASE("a word above the largest multiple of n is replaced by the next one, never folded") {
  // 2^64 mod 10 = 6: the six largest words would favour the answers 0 to 5.
  CHECK(UniformBelow(SeedWithWord(UINT64_MAX - 6), 10) == 9);
  const Hash rejected = SeedWithWord(UINT64_MAX - 5);
  const Hash next = TaggedHash("gonka/uniform/1", rejected, uint32_t{1});
  CHECK(UniformBelow(rejected, 10) == UniformBelow(next, 10));
}

TEST_CASE("the point falls into the first running sum above it, and zero weights are never drawn") {
  const std::vector<uint64_t> weights = {0, 2, 0, 3, 0};
  struct {
    uint64_t point;
    size_t index;
  } const kCases[] = {{0, 1}, {1, 1}, {2, 3}, {3, 3}, {4, 3}, {5, 1}};
  for (const auto& c : kCases) {
    CAPTURE(c.point);
    CHECK(DrawWeighted(SeedWithWord(c.point), weights) == c.index);
  }
}

TEST_CASE("over many seeds everyone is drawn in proportion to weight") {
  const std::vector<uint64_t> weights = {1, 2, 3, 4};
  std::vector<int> drawn(4);
  for (uint64_t i = 0; i < 10'000; ++i) ++drawn[DrawWeighted(Seed(i), weights)];
  for (size_t i = 0; i < 4; ++i) {  // Five standard deviations are below 250.
    CAPTURE(i);
    CHECK(std::abs(drawn[i] - static_cast<int>(1000 * weights[i])) < 250);
  }
}

// The definition, without the tree.
std::vector<size_t> SlowOrder(const Hash& seed, std::vector<uint64_t> weights) {
  std::vector<size_t> order;
  for (uint64_t i = 0; std::any_of(weights.begin(), weights.end(), [](auto w) { return w > 0; });
       ++i) {
    order.push_back(DrawWeighted(TaggedHash("gonka/draw/1", seed, i), weights));
    weights[order.back()] = 0;
  }
  return order;
}

TEST_CASE("an order draws again and again among those who are left") {
  for (uint64_t size = 0; size < 40; ++size) {
    std::vector<uint64_t> weights;
    for (uint64_t i = 0; i < size; ++i) weights.push_back((i * i * 7 + size) % 11);
    const std::vector<size_t> order = DrawOrder(Seed(size), weights);
    CHECK(order == SlowOrder(Seed(size), weights));
    CHECK(DrawOrder(Seed(size), weights, 3) ==
          std::vector<size_t>(order.begin(), order.begin() + std::min<size_t>(3, order.size())));
  }
}

TEST_CASE("seats are drawn one by one and may fall to the same member") {
  const std::vector<uint64_t> weights = {5, 0, 1};
  const std::vector<size_t> seats = DrawSeats(Seed(3), weights, 7);
  REQUIRE(seats.size() == 7);
  for (uint64_t i = 0; i < 7; ++i) {
    CHECK(seats[i] == DrawWeighted(TaggedHash("gonka/seat/1", Seed(3), i), weights));
  }
  CHECK(DrawSeats(Seed(3), std::vector<uint64_t>{0, 0}, 7).empty());
  CHECK(DrawOrder(Seed(3), std::vector<uint64_t>{0, 0}).empty());
}

TEST_CASE("a sample has no repeats, and the whole population is a permutation") {
  const std::vector<size_t> sample = DrawSample(Seed(1), 1'000'000, 16);
  CHECK(std::set<size_t>(sample.begin(), sample.end()).size() == 16);
  CHECK(*std::max_element(sample.begin(), sample.end()) < 1'000'000);
  std::vector<size_t> all = DrawSample(Seed(2), 50, 90);
  std::sort(all.begin(), all.end());
  REQUIRE(all.size() == 50);
  for (size_t i = 0; i < 50; ++i) CHECK(all[i] == i);
  CHECK(DrawSample(Seed(2), 0, 5).empty());
}

TEST_CASE("every pair out of four is sampled about as often as any other") {
  std::map<std::set<size_t>, int> seen;
  for (uint64_t i = 0; i < 6'000; ++i) {
    const std::vector<size_t> pair = DrawSample(Seed(i), 4, 2);
    ++seen[{pair.begin(), pair.end()}];
  }
  REQUIRE(seen.size() == 6);
  for (const auto& [pair, count] : seen) CHECK(std::abs(count - 1'000) < 150);
}

TEST_CASE("selection at a rate of nothing, everything, and one in a million") {
  for (uint64_t i = 0; i < 100; ++i) {
    CHECK_FALSE(IsSelected(Seed(i), Ppm{0}));
    CHECK(IsSelected(Seed(i), Ppm{Ppm::kOne}));
  }
  CHECK(IsSelected(SeedWithWord(7'000'000), Ppm{1}));
  CHECK_FALSE(IsSelected(SeedWithWord(7'000'001), Ppm{1}));
}

}  // namespace
}  // namespace gonka::select
