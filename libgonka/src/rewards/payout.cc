#include "gonka/rewards/payout.h"

#include <algorithm>

namespace gonka::rewards {
namespace {

Amount Part(Amount pool, uint64_t weight, uint64_t total) {
  return Amount(MulDivFloor(pool.units(), weight, total));
}

// Work that earns the whole share: half of the effective weight's part of all work, for the time
// that it was there, rounded down.
uint64_t FairWork(const PayoutInput& input) {
  const uint64_t whole =
      MulDivFloor(input.total_work, input.effective_weight, 2 * input.total_weight);
  return MulDivFloor(whole, input.present.value, Ppm::kOne);
}

}  // namespace

ProRata SplitProRata(Amount pool, std::span<const uint64_t> weights) {
  uint64_t total = 0;
  for (const uint64_t weight : weights) {
    GONKA_CHECK(weight <= UINT64_MAX - total);
    total += weight;
  }
  ProRata split{.parts = {}, .remainder = pool};
  for (const uint64_t weight : weights) {
    split.parts.push_back(total == 0 ? Amount(0) : Part(pool, weight, total));
    split.remainder -= split.parts.back();
  }
  return split;
}

Payout PayoutOf(const PayoutInput& input) {
  GONKA_CHECK(input.effective_weight <= input.weight && input.weight <= input.total_weight);
  GONKA_CHECK(input.present.value <= Ppm::kOne);
  GONKA_CHECK(input.total_weight < uint64_t{1} << 63 && input.work <= input.total_work);
  Payout payout;
  if (input.total_weight == 0) return payout;
  const Amount share = Part(input.emission, input.weight, input.total_weight);
  const Amount capped = Part(input.emission, input.effective_weight, input.total_weight);
  payout.withheld_weight_cap = share - capped;
  if (input.convicted) {
    payout.withheld_conviction = capped;
    return payout;
  }
  const Amount present = Share(capped, input.present);
  payout.withheld_maintenance = capped - present;
  const Amount available = Share(present, std::min(input.availability, Ppm{Ppm::kOne}));
  payout.withheld_availability = present - available;
  const uint64_t fair = FairWork(input);
  payout.paid = input.work >= fair ? available : Part(available, input.work, fair);
  payout.withheld_work_share = available - payout.paid;
  return payout;
}

}  // namespace gonka::rewards
