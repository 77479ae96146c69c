#include "gonka/select/live_network.h"

#include "golden/table.h"

namespace gonka::select::live {
namespace {

TEST_CASE("the live network's published draws come out to the last digit") {
  for (const golden::Row& row : golden::ReadTable("live_network/draw.txt", 3)) {
    CAPTURE(row[1]);
    CHECK(ToDecimal16(DrawNumerator(std::stoll(row[0]), row[1])) == golden::Number(row[2]));
  }
}

TEST_CASE("the live network's committee slots fall to the same members") {
  for (const golden::Row& row : golden::ReadTable("live_network/committee.txt", 6)) {
    const std::string model = row[2] == "-" ? "" : row[2];
    CHECK(CommitteeSlots(row[0], row[1], model, golden::Numbers(row[4]), golden::Number(row[3])) ==
          golden::Numbers(row[5]));
  }
}

TEST_CASE("the decimal form rounds to the nearest and covers zero to one") {
  CHECK(ToDecimal16(0) == 0);
  CHECK(ToDecimal16(UINT64_MAX) == 10'000'000'000'000'000);
}

}  // namespace
}  // namespace gonka::select::live
