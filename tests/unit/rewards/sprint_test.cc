#include "gonka/rewards/sprint.h"

#include <doctest/doctest.h>

namespace gonka::rewards {

TEST_CASE("a Sprint's weight is the count times the proven share times what an input is worth") {
  struct {
    const char* what;
    uint32_t count, proven, samples, weight_millionths;
    uint64_t weight;
  } const kCases[] = {
      {"all proven", 1'000, 16, 16, 1'000'000, 1'000},
      {"half proven", 1'000, 8, 16, 1'000'000, 500},
      {"nothing proven", 1'000, 0, 16, 1'000'000, 0},
      {"rounds down", 10, 2, 3, 1'000'000, 6},
      {"one input", 1, 1, 1, 1'000'000, 1},
      {"a larger model", 7, 3, 3, 2'500'000, 17},
      {"a model without weight", 1'000, 16, 16, 0, 0},
      {"the largest terms", UINT32_MAX, 64, 64, 1'000'000'000, 4'294'967'295'000},
      {"never above 2^48", UINT32_MAX, 1, 1, UINT32_MAX, 18'446'744'065'119},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.what);
    const uint64_t weight = SprintWeight(c.count, c.proven, c.samples, c.weight_millionths);
    CHECK(weight == c.weight);
    CHECK(weight <= kSprintWeightCap);
  }
}

}  // namespace gonka::rewards
