#include "gonka/rewards/weight_cap.h"

#include <numeric>

#include "golden/table.h"

namespace gonka::rewards {
namespace {

using Weights = std::vector<uint64_t>;

TEST_CASE("the power cap is the live network's") {
  for (const golden::Row& row : golden::ReadTable("live_network/weight_cap.txt", 2)) {
    CHECK(CapWeights(golden::Numbers(row[0]), Ppm{300'000}) == golden::Numbers(row[1]));
  }
}

TEST_CASE("small networks, equal weights and idle members") {
  struct {
    const char* what;
    Weights weights;
    uint32_t cap;
    Weights effective;
  } const kCases[] = {
      {"nobody", {}, 300'000, {}},
      {"nobody with weight", {0, 0}, 300'000, {0, 0}},
      {"one alone", {7}, 300'000, {7}},
      {"one alone among idle ones", {0, 7, 0}, 300'000, {0, 7, 0}},
      {"two share evenly", {1, 9}, 300'000, {1, 1}},
      {"a cap of two above a half", {4, 9}, 600'000, {4, 6}},
      {"of three nobody has more than 40 %", {10, 20, 70}, 300'000, {10, 20, 20}},
      {"three with one small", {20, 40, 40}, 300'000, {20, 40, 40}},
      {"the order is kept", {8'000, 1'000, 4'000, 2'000}, 300'000, {2'250, 1'000, 2'250, 2'000}},
      {"five under a cap that five cannot hold", {1, 2, 3, 4, 5}, 100'000, {1, 1, 1, 1, 1}},
      {"a cap of one cuts nothing", {1, 1'000}, 1'000'000, {1, 1'000}},
      {"the value rounds down", {1, 1, 1, 1, 1, 9}, 300'000, {1, 1, 1, 1, 1, 2}},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.what);
    CHECK(CapWeights(c.weights, Ppm{c.cap}) == c.effective);
  }
}

TEST_CASE("after the cut nobody holds more than the cap, and whoever is cut holds nearly that") {
  for (uint64_t size = 4; size < 60; ++size) {
    Weights weights;
    for (uint64_t i = 0; i < size; ++i) weights.push_back(1 + (i * i * i * 7'919) % 100'003);
    const Weights effective = CapWeights(weights, Ppm{300'000});
    const uint64_t sum = std::accumulate(effective.begin(), effective.end(), uint64_t{0});
    for (uint64_t i = 0; i < size; ++i) {
      CHECK(effective[i] * 10 <= sum * 3);
      if (effective[i] < weights[i]) CHECK((effective[i] + 1) * 10 + 30 > sum * 3);
    }
  }
}

}  // namespace
}  // namespace gonka::rewards
