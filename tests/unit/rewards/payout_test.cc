#include "gonka/rewards/payout.h"

#include "golden/table.h"

namespace gonka::rewards {
namespace {

TEST_CASE("the reward split is the live network's") {
  for (const golden::Row& row : golden::ReadTable("live_network/reward_split.txt", 4)) {
    const ProRata split = SplitProRata(Amount(golden::Number(row[0])), golden::Numbers(row[1]));
    std::vector<uint64_t> parts;
    for (const Amount& part : split.parts) parts.push_back(part.units());
    CHECK(parts == golden::Numbers(row[2]));
    CHECK(split.remainder.units() == golden::Number(row[3]));
  }
}

TEST_CASE("a pool without takers remains whole") {
  CHECK(SplitProRata(Amount(100), {}).remainder == Amount(100));
  CHECK(SplitProRata(Amount(100), std::vector<uint64_t>{0, 0}).remainder == Amount(100));
}

PayoutInput Quarter() {  // A quarter of the weight, of an emission of 1000.
  return {.emission = Amount(1'000),
          .weight = 25,
          .effective_weight = 25,
          .total_weight = 100,
          .availability = Ppm{Ppm::kOne},
          .work = 500,
          .total_work = 4'000,
          .convicted = false};
}

void CheckSum(const PayoutInput& input) {
  const Payout p = PayoutOf(input);
  const Amount sum = p.paid + p.withheld_conviction + p.withheld_availability +
                     p.withheld_work_share + p.withheld_weight_cap;
  CHECK(sum.units() == MulDivFloor(input.emission.units(), input.weight, input.total_weight));
}

TEST_CASE("half of the weight's share of the work earns all of the share") {
  PayoutInput input = Quarter();
  CHECK(PayoutOf(input).paid == Amount(250));
  input.work = 4'000;
  CHECK(PayoutOf(input).paid == Amount(250));
  input.work = 499;
  CHECK(PayoutOf(input).paid == Amount(249));
  CHECK(PayoutOf(input).withheld_work_share == Amount(1));
  input.work = 0;
  CHECK(PayoutOf(input).paid == Amount(0));
  CHECK(PayoutOf(input).withheld_work_share == Amount(250));
}

TEST_CASE("where there was no work at all nothing is withheld for it") {
  PayoutInput input = Quarter();
  input.work = 0;
  input.total_work = 0;
  CHECK(PayoutOf(input).paid == Amount(250));
}

TEST_CASE("what is withheld has its reason, and all parts sum to the share") {
  PayoutInput input = Quarter();
  input.effective_weight = 20;
  input.availability = Ppm{750'000};
  input.work = 100;  // Fair would be 400.
  const Payout p = PayoutOf(input);
  CHECK(p.withheld_weight_cap == Amount(50));
  CHECK(p.withheld_availability == Amount(50));
  CHECK(p.withheld_work_share == Amount(113));
  CHECK(p.paid == Amount(37));
  CheckSum(input);
  input.convicted = true;
  CHECK(PayoutOf(input).paid == Amount(0));
  CHECK(PayoutOf(input).withheld_conviction == Amount(200));
  CheckSum(input);
}

TEST_CASE("the largest numbers do not overflow") {
  PayoutInput input{.emission = Amount(Amount::kMax),
                    .weight = (uint64_t{1} << 63) - 1,
                    .effective_weight = (uint64_t{1} << 63) - 1,
                    .total_weight = (uint64_t{1} << 63) - 1,
                    .availability = Ppm{999'999},
                    .work = UINT64_MAX / 2 - 1,
                    .total_work = UINT64_MAX,
                    .convicted = false};
  CheckSum(input);
  input.total_weight = 0;
  input.weight = 0;
  input.effective_weight = 0;
  CHECK(PayoutOf(input).paid == Amount(0));
}

}  // namespace
}  // namespace gonka::rewards
