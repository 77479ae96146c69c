#include <doctest/doctest.h>

#include <algorithm>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

constexpr size_t kAway = 3;

NetworkOptions WithMaintenance() {
  NetworkOptions options;
  options.params.time.maintenance_notice_blocks = 10;
  options.params.time.maintenance_blocks_max = 40;
  options.params.time.maintenance_gap_blocks = 200;
  return options;
}

Amount WithheldFrom(const TestNetwork& net, const AccountId& id, WithholdReason reason) {
  Amount sum;
  for (const Withheld& withheld : net.Told<Withheld>()) {
    if (withheld.participant == id && withheld.reason == reason) sum += withheld.amount;
  }
  return sum;
}

}  // namespace

TEST_CASE("maintenance is announced ahead, is bounded in length, and comes seldom") {
  TestNetwork net(WithMaintenance());
  const KeyPair& who = net.participant(kAway);
  const auto announce = [&](uint64_t from, uint32_t blocks) {
    return net.Do(who, Maintain{.from_height = from, .blocks = blocks});
  };
  CHECK(net.Do(net.developer(0), Maintain{.from_height = 50, .blocks = 1}) ==
        TxCode::kUnknownParticipant);
  CHECK(announce(10, 5) == TxCode::kTooLate);  // In block 2: eight blocks ahead.
  CHECK(announce(50, 41) == TxCode::kOutOfBounds);
  CHECK(announce(UINT64_MAX, 2) == TxCode::kOutOfBounds);
  CHECK(announce(0, 0) == TxCode::kTooLate);  // There is nothing to take back.
  CHECK(announce(50, 40) == TxCode::kOk);
  CHECK(announce(60, 40) == TxCode::kOk);  // Another one instead.
  CHECK(announce(0, 0) == TxCode::kOk);
  CHECK_FALSE(net.participant_record(kAway).maintenance);
  CHECK(announce(60, 40) == TxCode::kOk);
  net.RunTo(60);
  CHECK(announce(0, 0) == TxCode::kTooLate);
  CHECK(announce(298, 5) == TxCode::kTooEarly);  // It ends with block 99.
  CHECK(announce(299, 5) == TxCode::kTooEarly);  // The epoch that it is in is not settled.
  net.RunToSettlementOf(0);
  CHECK(announce(298, 5) == TxCode::kTooEarly);
  CHECK(announce(299, 5) == TxCode::kOk);
  CHECK(announce(0, 0) == TxCode::kOk);
  CHECK(announce(298, 5) == TxCode::kTooEarly);  // What was taken back has not been forgotten.
}

TEST_CASE("who is away is passed over, silent and late without blame") {
  TestNetwork net(WithMaintenance());
  net.AllowAll();
  Job job = net.NewJob(0, 1);
  while (job.executor != kAway) job = net.NewJob(0, 1);
  const uint64_t from = net.height() + 11;
  REQUIRE(net.Do(net.participant(kAway), Maintain{.from_height = from, .blocks = 40}) ==
          TxCode::kOk);
  net.RunTo(from);
  job.assignment.request.expiry_height = net.height() + 8;
  job.assignment.developer_signature =
      net.developer(0).Sign(RequestSigningHash(job.assignment.request));
  const Job next = net.NextAttempt(job);
  REQUIRE(net.Do(net.participant(1), net.StartOf(next)) == TxCode::kOk);
  CHECK(net.standing(0, kAway).misses_half == 0);
  CHECK(net.standing(0, 1).misses_half == 0);
  REQUIRE(net.Do(net.participant(next.executor), net.FinishOf(next)) == TxCode::kOk);
  net.RunTo(from + 39);
  // Checks whose turn came meanwhile passed it over, too.
  const std::vector<AccountId> order = ValidatorOrder(net.view(), net.record(next.id));
  net.RunToSettlementOf(0);
  CHECK(std::find(order.begin(), order.end(), net.id(kAway)) != order.end());
  CHECK(net.standing(0, kAway).misses_half == 0);
  size_t missed = 0;
  for (size_t i = 0; i < net.size(); ++i) missed += net.standing(0, i).misses_half > 0 ? 1 : 0;
  CHECK(missed > 0);  // The others were there, and silent.
}

TEST_CASE("emission is paid for the blocks in which a participant was there") {
  TestNetwork net(WithMaintenance());
  REQUIRE(net.Do(net.participant(kAway), Maintain{.from_height = 90, .blocks = 30}) == TxCode::kOk);
  net.RunToSettlementOf(1);
  // A sixth of the emission; away for 10 of 100 blocks of the first epoch, 20 of the second.
  CHECK(WithheldFrom(net, net.id(kAway), WithholdReason::kMaintenance) ==
        Amount(16'667) + Amount(33'318));
  CHECK(WithheldFrom(net, net.id(kAway), WithholdReason::kWorkShare) == Amount(0));
  for (const Paid& paid : net.Told<Paid>()) {
    if (paid.epoch != 0) continue;
    CHECK(paid.emission == Amount(paid.participant == net.id(kAway) ? 149'999 : 166'666));
  }
}

}  // namespace gonka::ledger
