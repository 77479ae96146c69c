#include "gonka/reputation/check_rate.h"

#include <doctest/doctest.h>

namespace gonka::reputation {
namespace {

TEST_CASE("a newcomer is always checked, whatever the traffic") {
  for (const uint64_t traffic : {0, 100, 5'000, 10'000, 1'000'000}) {
    CHECK(CheckRate(CheckParams{}, Ppm{0}, traffic, 1'000'000) == Ppm{Ppm::kOne});
  }
}

TEST_CASE("the rate falls with reputation and traffic, and never below five checks an epoch") {
  struct {
    uint32_t reputation;
    uint64_t traffic;
    uint64_t records;
    uint32_t rate;
  } const kCases[] = {
      {1'000'000, 10'000, 100'000, 10'000},  // Full trust, full traffic: the floor.
      {500'000, 10'000, 100'000, 505'000},   // Halfway between.
      {1'000'000, 100, 100'000, 1'000'000},  // A quiet model is checked whole.
      {1'000'000, 10'000, 500, 10'000},      // Five in 500 is just 1 %.
      {1'000'000, 10'000, 499, 10'021},      // Five in 499 is a little more: rounded up.
      {1'000'000, 10'000, 100, 50'000},      // Five in a hundred.
      {1'000'000, 10'000, 5, 1'000'000},     // Five in five.
      {1'000'000, 10'000, 0, 1'000'000},     // Nothing known about this executor.
      {2'000'000, 10'000, 100'000, 10'000},  // Above one counts as one.
      {333'333, 10'000, 100'000, 670'001},   // 670,000.33 rounded up.
      {1'000'000, UINT64_MAX, UINT64_MAX, 10'000},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.rate);
    CHECK(CheckRate(CheckParams{}, Ppm{c.reputation}, c.traffic, c.records) == Ppm{c.rate});
  }
}

TEST_CASE("the governed maximum holds even where five checks would need more") {
  CheckParams params;
  params.rate_max = Ppm{400'000};
  CHECK(CheckRate(params, Ppm{0}, 0, 0) == Ppm{400'000});
  CHECK(CheckRate(params, Ppm{1'000'000}, 10'000, 10) == Ppm{400'000});
}

TEST_CASE("min(T) never rises with traffic and rounds up") {
  const CheckParams params;
  Ppm before = TrafficFloor(params, 0);
  for (uint64_t traffic = 1; traffic <= 10'001; ++traffic) {
    const Ppm now = TrafficFloor(params, traffic);
    REQUIRE(now <= before);
    before = now;
  }
  CHECK(TrafficFloor(params, 101) == Ppm{999'807});  // 999,806.12.
}

}  // namespace
}  // namespace gonka::reputation
