#include "gonka/rewards/emission.h"

#include "golden/table.h"
#include "gonka/rewards/fee.h"

namespace gonka::rewards {
namespace {

TEST_CASE("emission follows the published table to the unit") {
  for (const golden::Row& row : golden::ReadTable("live_network/emission.txt", 3)) {
    CAPTURE(row[1]);
    CHECK(Emission(Amount(golden::Number(row[0])), golden::Number(row[1])).units() ==
          golden::Number(row[2]));
  }
}

TEST_CASE("emission never rises and runs dry") {
  Amount before = Emission(Amount(1'000'000), 0);
  for (uint64_t epoch = 1; epoch < 40'000; epoch += 7) {
    const Amount now = Emission(Amount(1'000'000), epoch);
    REQUIRE(now <= before);
    before = now;
  }
  CHECK(before == Amount(0));
  CHECK(Emission(Amount(Amount::kMax), UINT64_MAX) == Amount(0));
}

TEST_CASE("cost and escrow are tokens times price, with errors named by absence") {
  for (const golden::Row& row : golden::ReadTable("live_network/cost.txt", 4)) {
    CAPTURE(row[0]);
    const std::optional<Amount> cost =
        Cost(golden::Number(row[0]), golden::Number(row[1]), Amount(golden::Number(row[2])));
    CHECK(cost ==
          Escrow(golden::Number(row[0]), golden::Number(row[1]), Amount(golden::Number(row[2]))));
    CHECK(cost.has_value() == (row[3] != "-"));
    if (cost) CHECK(cost->units() == golden::Number(row[3]));
  }
  CHECK(kTokensMaxDefault == 5'000);
}

TEST_CASE("a cost above the escrow pays the escrow, and nothing is lost") {
  CHECK(SettleEscrow(Amount(100), Amount(250)).paid == Amount(100));
  CHECK(SettleEscrow(Amount(100), Amount(30)).paid == Amount(30));
  CHECK(SettleEscrow(Amount(100), Amount(30)).refund == Amount(70));
  CHECK(SettleEscrow(Amount(0), Amount(30)).refund == Amount(0));
}

TEST_CASE("a fee is split without losing a unit") {
  const MoneyParams params;
  for (const uint64_t fee : {0ull, 1ull, 9ull, 10ull, 19ull, 1'000'003ull, 1ull << 62}) {
    const FeeSplit split = SplitFee(Amount(fee), params);
    CHECK((split.executor + split.ta + split.validators + split.remainder).units() == fee);
    CHECK(split.remainder <= Amount(2));
  }
  const FeeSplit nineteen = SplitFee(Amount(19), params);
  CHECK(nineteen.executor == Amount(15));
  CHECK(nineteen.ta == Amount(1));
  CHECK(nineteen.validators == Amount(1));
  CHECK(nineteen.remainder == Amount(2));
}

}  // namespace
}  // namespace gonka::rewards
