#include "gonka/rewards/price.h"

#include <algorithm>

namespace gonka::rewards {
namespace {

using Wide = unsigned __int128;

// How much the price changes for so much use outside the stable zone, rounded down.
uint64_t Change(const PriceParams& params, uint64_t micro_units, uint32_t outside) {
  static constexpr uint64_t kScale = uint64_t{Ppm::kOne} * Ppm::kOne;
  const uint64_t wanted = uint64_t{outside} * params.elasticity.value;
  const uint64_t most = uint64_t{params.step_max.value} * Ppm::kOne;
  return MulDivFloor(micro_units, std::min(wanted, most), kScale);
}

uint64_t Moved(const PriceParams& params, uint64_t micro_units, Ppm used) {
  if (used > params.stable_to) {
    return micro_units + Change(params, micro_units, used.value - params.stable_to.value);
  }
  if (used < params.stable_from) {
    return micro_units - Change(params, micro_units, params.stable_from.value - used.value);
  }
  return micro_units;
}

}  // namespace

FinePrice FinePrice::Of(Amount price) {
  GONKA_CHECK(price.units() <= uint64_t{1} << 43);
  return {price.units() * kUnit};
}

Amount FinePrice::Rounded() const {
  return Amount(micro_units / kUnit + (micro_units % kUnit >= kUnit / 2 ? 1 : 0));
}

FinePrice NextPrice(const PriceParams& params, FinePrice current, FinePrice epoch_start, Ppm used) {
  GONKA_CHECK(params.epoch_factor > 0 && params.step_max.value <= Ppm::kOne);
  GONKA_CHECK(params.stable_from <= params.stable_to && params.floor <= params.ceiling);
  GONKA_CHECK(current.micro_units < uint64_t{1} << 63);
  const uint64_t lowest = epoch_start.micro_units / params.epoch_factor;
  const auto highest = static_cast<uint64_t>(
      std::min<Wide>(Wide{epoch_start.micro_units} * params.epoch_factor, UINT64_MAX));
  const uint64_t moved = Moved(params, current.micro_units, used);
  const uint64_t bounded = std::clamp(moved, lowest, highest);
  return {std::clamp(bounded, FinePrice::Of(params.floor).micro_units,
                     FinePrice::Of(params.ceiling).micro_units)};
}

}  // namespace gonka::rewards
