#include "gonka/rewards/price.h"

#include "golden/table.h"

namespace gonka::rewards {
namespace {

TEST_CASE("the price moves in the live network's direction and by its amount") {
  for (const golden::Row& row : golden::ReadTable("live_network/price.txt", 3)) {
    CAPTURE(row[0]);
    const FinePrice price = FinePrice::Of(Amount(golden::Number(row[1])));
    const Ppm used{static_cast<uint32_t>(golden::Number(row[0]))};
    CHECK(NextPrice(PriceParams{}, price, price, used).Rounded().units() == golden::Number(row[2]));
  }
}

TEST_CASE("a price of one unit rises again under load, and doubles at most once an epoch") {
  const PriceParams params;
  const FinePrice start = FinePrice::Of(Amount(1));
  FinePrice price = start;
  for (int block = 0; block < 35; ++block) price = NextPrice(params, price, start, Ppm{1'000'000});
  CHECK(price.Rounded() == Amount(2));  // 1.02^35 = 1.9999.
  for (int block = 0; block < 35; ++block) price = NextPrice(params, price, start, Ppm{1'000'000});
  CHECK(price.micro_units == 2 * FinePrice::kUnit);
}

TEST_CASE("floor, ceiling and the epoch's bounds hold against any use") {
  PriceParams params;
  params.floor = Amount(99);
  params.ceiling = Amount(101);
  const FinePrice start = FinePrice::Of(Amount(100));
  FinePrice low = start;
  FinePrice high = start;
  for (int block = 0; block < 10; ++block) {
    low = NextPrice(params, low, start, Ppm{0});
    high = NextPrice(params, high, start, Ppm{UINT32_MAX});
  }
  CHECK(low == FinePrice::Of(Amount(99)));
  CHECK(high == FinePrice::Of(Amount(101)));
}

TEST_CASE("an idle epoch halves the price at most") {
  const FinePrice start = FinePrice::Of(Amount(100));
  FinePrice price = start;
  for (int block = 0; block < 200; ++block) price = NextPrice(PriceParams{}, price, start, Ppm{0});
  CHECK(price.Rounded() == Amount(50));
}

}  // namespace
}  // namespace gonka::rewards
