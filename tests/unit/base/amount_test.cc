#include "gonka/base/amount.h"

#include <doctest/doctest.h>

namespace gonka {
namespace {

TEST_CASE("amounts are bounded and their products checked") {
  CHECK(CheckedMul(Amount(3), 4) == Amount(12));
  CHECK_FALSE(CheckedMul(Amount(Amount::kMax), 2).has_value());
  CHECK_FALSE(CheckedAdd(Amount(Amount::kMax), Amount(1)).has_value());
  CHECK(CheckedAdd(Amount(Amount::kMax), Amount(0)) == Amount(Amount::kMax));
}

TEST_CASE("a share rounds down and leaves the remainder") {
  CHECK(Share(Amount(10), Ppm{333'333}) == Amount(3));
  CHECK(Share(Amount(Amount::kMax), Ppm{Ppm::kOne}) == Amount(Amount::kMax));
  CHECK(MulDivFloor(uint64_t{1} << 62, 3, 4) == (uint64_t{3} << 60));
}

}  // namespace
}  // namespace gonka
