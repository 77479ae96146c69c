#include <doctest/doctest.h>

#include "gonka/rewards/emission.h"
#include "unit/ledger/test_network.h"

namespace gonka::ledger {

TEST_CASE("emission that vests reaches its owner in equal parts, whoever leaves meanwhile") {
  NetworkOptions options;
  options.params.money.vesting_epochs = 4;
  options.collateral = Amount(0);
  TestNetwork net(options);
  REQUIRE(net.Do(net.participant(2), Leave{}) == TxCode::kOk);
  net.RunToSettlementOf(0);
  CHECK(net.balance(net.id(2)) == Amount(10'000'000));
  CHECK(FindVesting(net.view(), net.id(2)) ==
        std::vector<Amount>{Amount(41'666), Amount(41'666), Amount(41'666), Amount(41'668)});
  CHECK(net.chain().totals.vesting == Amount(999'996));
  Amount expected(10'000'000);
  for (uint64_t epoch = 1; epoch <= 4; ++epoch) {
    net.RunToSettlementOf(epoch);
    expected += Amount(epoch < 4 ? 41'666 : 41'668);
    CHECK(net.balance(net.id(2)) == expected);
  }
  CHECK(FindVesting(net.view(), net.id(2)).empty());
  CHECK(net.Told<Vested>().front().amount == Amount(41'666));
  // Who stays has a quarter of each of the last four epochs on its way.
  CHECK(FindVesting(net.view(), net.id(1)).size() == 4);
}

TEST_CASE("emission is released at once where a network lets nothing vest") {
  TestNetwork net;
  net.RunToSettlementOf(0);
  CHECK(net.balance(net.id(2)) == Amount(10'166'666));
  CHECK(FindVesting(net.view(), net.id(2)).empty());
  CHECK(net.chain().totals.vesting == Amount(0));
}

}  // namespace gonka::ledger
