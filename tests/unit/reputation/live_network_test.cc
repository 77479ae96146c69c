#include "gonka/reputation/live_network.h"

#include "golden/table.h"
#include "gonka/reputation/check_rate.h"
#include "gonka/reputation/misses.h"
#include "gonka/select/live_network.h"

namespace gonka::reputation {
namespace {

Ppm PpmOf(const std::string& cell) {
  return Ppm{static_cast<uint32_t>(golden::Number(cell))};
}

TEST_CASE("min(T) is the live network's") {
  for (const golden::Row& row : golden::ReadTable("live_network/traffic_floor.txt", 2)) {
    CAPTURE(row[0]);
    CHECK(TrafficFloor(CheckParams{}, golden::Number(row[0])) == PpmOf(row[1]));
  }
}

TEST_CASE("each validator's probability of checking, and its decision, are the live network's") {
  for (const golden::Row& row : golden::ReadTable("live_network/check_rate.txt", 10)) {
    CheckParams params;
    params.rate_floor = PpmOf(row[6]);
    params.rate_half = std::max(params.rate_half, params.rate_floor);
    params.rate_max = PpmOf(row[7]);
    const Ppm least = TrafficFloor(params, golden::Number(row[1]));
    const live::Fraction p = live::CheckProbability(params.rate_max, least,
                                                    static_cast<uint32_t>(golden::Number(row[2])),
                                                    {.total = golden::Number(row[3]),
                                                     .validator = golden::Number(row[4]),
                                                     .executor = golden::Number(row[5])});
    CAPTURE(row[8]);
    CHECK(live::ToDecimal4(p) == golden::Number(row[8]));
    const uint64_t draw = select::live::DrawNumerator(std::stoll(row[0]), "inferenceId");
    CHECK(live::ShouldCheck(draw, p) == (row[9] == "1"));
  }
}

TEST_CASE("nobody checks where the executor holds all the power") {
  const live::Fraction p = live::CheckProbability(Ppm{1'000'000}, Ppm{10'000}, 0,
                                                  {.total = 50, .validator = 50, .executor = 50});
  CHECK_FALSE(live::ShouldCheck(0, p));
}

TEST_CASE("reputation in percent is the live network's") {
  for (const golden::Row& row : golden::ReadTable("live_network/reputation.txt", 5)) {
    std::vector<Ppm> misses;
    if (row[2] != "-") misses.push_back(PpmOf(row[2]));
    CHECK(live::ReputationPercent(static_cast<uint32_t>(golden::Number(row[0])), misses,
                                  static_cast<uint32_t>(golden::Number(row[1])), PpmOf(row[3]),
                                  Ppm{100'000}) == golden::Number(row[4]));
  }
}

TEST_CASE("missed-request limits are the published ones") {
  for (const golden::Row& row : golden::ReadTable("live_network/miss_limit_published.txt", 3)) {
    CAPTURE(row[0]);
    CHECK(live::MissLimitByRow(static_cast<uint32_t>(golden::Number(row[0])), PpmOf(row[1])) ==
          golden::Number(row[2]));
  }
}

TEST_CASE("the closed form gives every row of the missed-request table") {
  for (const golden::Row& row : golden::ReadTable("live_network/miss_limit_rows.txt", 3)) {
    CAPTURE(row[0]);
    CAPTURE(row[1]);
    const auto n = static_cast<uint32_t>(golden::Number(row[0]));
    CHECK(MissLimit(n, PpmOf(row[1])) == golden::Number(row[2]));
    CHECK(live::MissLimitByRow(n, PpmOf(row[1])) == golden::Number(row[2]));
  }
}

TEST_CASE("steps of the sequential test are the published ones to twelve digits") {
  for (const golden::Row& row : golden::ReadTable("live_network/test_steps.txt", 4)) {
    const live::TestSteps steps = live::SequentialTestSteps(PpmOf(row[0]), PpmOf(row[1]));
    CHECK(steps.event == std::stoll(row[2]));
    CHECK(steps.absence == std::stoll(row[3]));
  }
}

}  // namespace
}  // namespace gonka::reputation
