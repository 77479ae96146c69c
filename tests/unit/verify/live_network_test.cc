#include "gonka/verify/live_network.h"

#include <cmath>

#include "golden/table.h"

namespace gonka::verify::live {
namespace {

// "1:-0.1,2:-2"
Logprobs Parse(const std::string& cell) {
  Logprobs logprobs;
  std::istringstream parts(cell);
  for (std::string part; std::getline(parts, part, ',');) {
    const size_t colon = part.find(':');
    REQUIRE(colon != std::string::npos);
    logprobs[static_cast<uint32_t>(golden::Number(part.substr(0, colon)))] =
        std::stod(part.substr(colon + 1));
  }
  return logprobs;
}

TEST_CASE("the live network's distance of log-probabilities comes out as published") {
  for (const golden::Row& row : golden::ReadTable("live_network/distance.txt", 3)) {
    const double distance = PositionDistance(Parse(row[0]), Parse(row[1]));
    CHECK_MESSAGE(std::llround(distance * 1e10) == static_cast<long long>(golden::Number(row[2])),
                  row[0] << " " << row[1]);
  }
}

TEST_CASE("below a hundred positions the live network's similarity is diluted, above it is not") {
  const Logprobs same{{5, -1}, {6, -1}};
  const Logprobs other{{5, -3}, {6, -1}};
  const double distance = PositionDistance(same, other);
  for (const size_t positions : {1u, 100u, 400u}) {
    const std::vector<Logprobs> executor(positions, same);
    const std::vector<Logprobs> validator(positions, other);
    const double counted = positions < 100 ? 100.0 : static_cast<double>(positions);
    CHECK(Similarity(executor, validator, 2) ==
          doctest::Approx(1 - static_cast<double>(positions) * distance / (counted * 2)));
  }
}

}  // namespace
}  // namespace gonka::verify::live
