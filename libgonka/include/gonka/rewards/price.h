#pragma once

// The price of a token follows the use of a model.

#include <compare>
#include <cstdint>

#include "gonka/base/amount.h"

namespace gonka::rewards {

struct PriceParams {
  Ppm stable_from{400'000};  // Use between these two leaves the price alone.
  Ppm stable_to{600'000};
  Ppm elasticity{50'000};     // Change for each whole of use outside.
  Ppm step_max{20'000};       // A block's change.
  uint32_t epoch_factor = 2;  // Within an epoch at most times or divided by this.
  Amount floor{1};
  Amount ceiling{1'000'000'000};
};

// A price with six more digits than coins have, so that a small one can rise again by 2 %.
struct FinePrice {
  static constexpr uint64_t kUnit = 1'000'000;
  uint64_t micro_units = 0;
  constexpr auto operator<=>(const FinePrice&) const = default;

  static FinePrice Of(Amount price);  // price at most 2^43 units.
  Amount Rounded() const;             // What is charged: the nearest unit, halves up.
};

// The next block's price. used is the part of the capacity in use, above one where overloaded;
// epoch_start is the price when the epoch began. The change rounds towards no change.
FinePrice NextPrice(const PriceParams& params, FinePrice current, FinePrice epoch_start, Ppm used);

}  // namespace gonka::rewards
