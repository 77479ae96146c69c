#include <doctest/doctest.h>

#include <algorithm>
#include <map>

#include "gonka/reputation/misses.h"
#include "gonka/rewards/emission.h"
#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

EpochSettled SettledOf(const TestNetwork& net, uint64_t epoch) {
  for (const EpochSettled& settled : net.Told<EpochSettled>()) {
    if (settled.epoch == epoch) return settled;
  }
  FAIL("epoch is not settled");
  return {};
}

std::map<AccountId, Paid> PaidIn(const TestNetwork& net, uint64_t epoch) {
  std::map<AccountId, Paid> found;
  for (const Paid& paid : net.Told<Paid>()) {
    if (paid.epoch == epoch) found[paid.participant] = paid;
  }
  return found;
}

Amount WithheldFor(const TestNetwork& net, WithholdReason reason) {
  Amount sum;
  for (const Withheld& withheld : net.Told<Withheld>()) {
    if (withheld.reason == reason) sum += withheld.amount;
  }
  return sum;
}

void CheckSums(const TestNetwork& net, uint64_t epoch) {
  const EpochSettled settled = SettledOf(net, epoch);
  CHECK(settled.fees + settled.emission ==
        settled.paid + settled.refunded + settled.burned + settled.treasury);
  Amount paid;
  for (const auto& [id, part] : PaidIn(net, epoch)) {
    paid += part.executor_fees + part.ta_fees + part.validator_fees + part.emission;
  }
  CHECK(paid == settled.paid);
  Amount withheld;
  for (const Withheld& entry : net.Told<Withheld>()) {
    if (entry.epoch == epoch) withheld += entry.amount;
  }
  CHECK(withheld == settled.burned + settled.treasury);
}

}  // namespace

TEST_CASE("an epoch without work pays its emission by weight") {
  NetworkOptions options;
  options.weights = {100, 100, 100, 100, 300, 300};
  TestNetwork net(options);
  net.RunToSettlementOf(0);
  CHECK(net.height() == 160);
  CHECK(SettledOf(net, 0).records == 0);
  CHECK(SettledOf(net, 0).emission == Amount(1'000'000));
  const std::map<AccountId, Paid> paid = PaidIn(net, 0);
  REQUIRE(paid.size() == 6);
  CHECK(paid.at(net.id(0)).emission == Amount(100'000));
  CHECK(net.balance(net.id(0)) == Amount(10'100'000));
  // Two are above the cap of 30 % and get what their effective weight is worth.
  CHECK(paid.at(net.id(5)).emission <= Amount(300'000));
  CheckSums(net, 0);
  net.RunToSettlementOf(1);
  CHECK(SettledOf(net, 1).emission == rewards::Emission(Amount(1'000'000), 1));
  CheckSums(net, 1);
}

TEST_CASE("weight above the cap earns nothing, and the entry says so") {
  NetworkOptions options;
  options.weights = {100, 100, 100, 100, 100, 1'500};
  TestNetwork net(options);
  const EpochTable table = *FindEpoch(net.view(), 0);
  CHECK(table.members[5].proven_weight == 1'500);
  CHECK(table.members[5].weight < 300);
  net.RunToSettlementOf(0);
  CHECK(WithheldFor(net, WithholdReason::kWeightCap) > Amount(500'000));
  CheckSums(net, 0);
}

TEST_CASE("a validated answer pays executor, transfer agent and validator") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.AwaitCheck(job);
  const AccountId validator = ValidatorOrder(net.view(), net.record(job.id)).front();
  net.Check(job, Verdict::kPass);
  net.RunToSettlementOf(0);
  const std::map<AccountId, Paid> paid = PaidIn(net, 0);
  CHECK(paid.at(net.id(job.executor)).executor_fees == Amount(80));
  CHECK(paid.at(net.id(1)).ta_fees == Amount(10));
  CHECK(paid.at(validator).validator_fees == Amount(10));
  CHECK(SettledOf(net, 0).fees == Amount(100));
  CHECK(SettledOf(net, 0).refunded == Amount(0));
  CheckSums(net, 0);
  // Only who worked gets emission.
  for (size_t i = 0; i < net.size(); ++i) {
    const bool worked = i == job.executor || net.id(i) == validator;
    CHECK((paid.at(net.id(i)).emission > Amount(0)) == worked);
  }
  CHECK(WithheldFor(net, WithholdReason::kWorkShare) > Amount(600'000));
}

TEST_CASE("a transfer agent that skips an executor earns its share only with the refusal") {
  for (const bool refused : {false, true}) {
    CAPTURE(refused);
    TestNetwork net;
    net.AllowAll();
    const Job first = net.NewJob(0, 1);
    const Hash word = RefusalSigningHash(first.id);
    const Job job = net.NextAttempt(
        first,
        refused ? std::optional(net.Sign(net.participant(first.executor), word)) : std::nullopt);
    net.Serve(job);
    net.AwaitCheck(job);
    net.Check(job, Verdict::kPass);
    net.RunToSettlementOf(0);
    CHECK(PaidIn(net, 0).at(net.id(1)).ta_fees == Amount(refused ? 10 : 0));
    CHECK(WithheldFor(net, WithholdReason::kSkipped) == Amount(refused ? 0 : 10));
  }
}

TEST_CASE("a transfer agent is paid for what it delivered as it was committed") {
  enum class Delivery { kNone, kDiffering };
  for (const Delivery delivery : {Delivery::kNone, Delivery::kDiffering}) {
    TestNetwork net;
    net.AllowAll();
    const Job job = net.NewJob(0, 1);
    net.Send(net.participant(1), {net.StartOf(job)});
    net.Send(net.participant(job.executor), {net.FinishOf(job)});
    if (delivery == Delivery::kDiffering) {
      Delivered delivered = net.DeliveredOf(job);
      delivered.output_digest = Hash{};
      delivered.executor_signature.reset();
      net.Send(net.participant(1), {delivered});
    }
    net.MakeBlock();
    net.AwaitCheck(job);
    net.Check(job, Verdict::kPass);
    net.RunToSettlementOf(0);
    CHECK(PaidIn(net, 0).at(net.id(1)).ta_fees == Amount(0));
    CHECK(WithheldFor(net, WithholdReason::kNotDelivered) == Amount(10));
    CheckSums(net, 0);
  }
}

TEST_CASE("a drawn check that nobody did returns the fee and is the validators' miss") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.AwaitCheck(job);
  const std::vector<AccountId> order = ValidatorOrder(net.view(), net.record(job.id));
  const Amount before = net.balance(net.developer_id(0));
  net.RunToSettlementOf(0);
  CHECK(net.balance(net.developer_id(0)) == before + Amount(100));
  CHECK(net.Told<Refunded>().back().reason == RefundReason::kUnchecked);
  CHECK(net.record(job.id).status == InferenceStatus::kUnchecked);
  CHECK(net.record(job.id).settled);
  for (const AccountId& id : order) CHECK(net.standing(0, net.PlaceOf(id)).misses_half == 2);
  CHECK(net.standing(0, job.executor).misses_half == 0);
  CheckSums(net, 0);
}

TEST_CASE("an answer that was not selected is paid but for the validators' share") {
  NetworkOptions options;
  options.params.check.rate_max = Ppm{0};
  options.params.check.rate_half = Ppm{0};
  options.params.check.rate_floor = Ppm{0};
  options.params.check.checks_per_epoch_min = 0;
  TestNetwork net(options);
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.RunToSettlementOf(0);
  CHECK(net.record(job.id).status == InferenceStatus::kUnchecked);
  CHECK(PaidIn(net, 0).at(net.id(job.executor)).executor_fees == Amount(80));
  CHECK(WithheldFor(net, WithholdReason::kNotChecked) == Amount(10));
  CheckSums(net, 0);
}

TEST_CASE("a cancelled answer is paid for what the transfer agent says had come") {
  for (const bool delivered : {true, false}) {
    TestNetwork net;
    net.AllowAll();
    const Job job = net.NewJob(0, 1);
    Finish finish = net.FinishOf(job, 5);
    finish.finish = FinishCode::kCancelled;
    finish.word = net.CancelOf(job, 5);
    net.Send(net.participant(1), {net.StartOf(job)});
    net.Send(net.participant(job.executor), {finish});
    if (delivered) net.Send(net.participant(1), {net.DeliveredOf(job, 5)});
    net.MakeBlock();
    net.AwaitCheck(job);
    net.Check(job, Verdict::kPass);
    net.RunToSettlementOf(0);
    CHECK(PaidIn(net, 0).at(net.id(job.executor)).executor_fees == Amount(56));
    CHECK(PaidIn(net, 0).at(net.id(1)).ta_fees == Amount(delivered ? 7 : 0));
    CHECK(SettledOf(net, 0).refunded == Amount(0));
    CheckSums(net, 0);
  }
}

TEST_CASE("a rejected dispute pays the voters who found the answer good") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.AwaitCheck(job);
  net.Check(job, Verdict::kFail, 100);
  net.AwaitCase(DisputeCase(job.id));
  const Case dispute = *FindCase(net.view(), DisputeCase(job.id));
  net.Vote(DisputeCase(job.id), Verdict::kPass);
  net.RunToSettlementOf(0);
  const std::map<AccountId, Paid> paid = PaidIn(net, 0);
  for (const Ballot& ballot : dispute.ballots) {
    CHECK(paid.at(ballot.voter).validator_fees == Amount(10 * ballot.votes / 7));
  }
  CHECK(PaidIn(net, 0).at(net.id(job.executor)).executor_fees == Amount(80));
  CheckSums(net, 0);
}

TEST_CASE("three passes in an epoch raise the reputation by a step, and the rate falls with it") {
  TestNetwork net;
  net.AllowAll(Amount(1'000'000));
  constexpr size_t kGood = 4;
  for (int i = 0; i < 3; ++i) {
    const Job job = net.JobFor(kGood, 0);
    net.Serve(job);
    net.AwaitCheck(job);
    const CheckDuty duty =
        DutyOf(net.view(), net.record(job.id),
               ValidatorOrder(net.view(), net.record(job.id)).front(), net.height() + 1);
    if (duty.code == TxCode::kOk) net.Check(job, Verdict::kPass);
  }
  REQUIRE(net.standing(0, kGood).passes >= 3);
  net.RunToSettlementOf(0);
  CHECK(net.participant_record(kGood).reputation == Ppm{33'334});
  CHECK(net.participant_record(kGood).clean_epochs == 1);
  const std::vector<ReputationChanged> changes = net.Told<ReputationChanged>();
  CHECK(std::any_of(changes.begin(), changes.end(), [&](const ReputationChanged& change) {
    return change.participant == net.id(kGood) && change.after == Ppm{33'334};
  }));
  net.RunToEpoch(2);
  CHECK(FindEpoch(net.view(), 2)->members[kGood].reputation == Ppm{33'334});
}

TEST_CASE("what one transfer agent alone says of an executor costs the one who says it") {
  constexpr size_t kVictim = 3;
  constexpr size_t kFramer = 1;
  TestNetwork net;
  net.AllowAll(Amount(1'000'000));
  uint32_t framed = 0;
  while (framed < 3) {
    const Job job = net.NewJob(framed % 3, kFramer);
    if (job.executor != kVictim) continue;
    const Job second = net.NextAttempt(job);  // "It did not answer."
    REQUIRE(net.Do(net.participant(kFramer), net.StartOf(second)) == TxCode::kOk);
    REQUIRE(net.Do(net.participant(second.executor), net.FinishOf(second)) == TxCode::kOk);
    ++framed;
  }
  CHECK(net.standing(0, kFramer).misses_half == framed);
  net.RunToSettlementOf(0);
  // Checks that it has not done are proven.
  const uint64_t all = net.standing(0, kVictim).misses_half;
  const uint64_t claimed[] = {framed};
  const uint64_t counted = reputation::CountedMisses(all - framed, claimed, net.size() - 1);
  CHECK(counted < all);
  CHECK(net.participant_record(kVictim).misses == counted);
  CHECK(net.participant_record(kFramer).misses == net.standing(0, kFramer).misses_half);
}

TEST_CASE("few missed duties are carried over, many cost availability") {
  TestNetwork net;
  net.AllowAll(Amount(1'000'000));
  for (int i = 0; i < 4; ++i) net.Serve(net.NewJob(0, 1));
  net.RunToSettlementOf(0);
  uint32_t carried = 0;
  for (size_t i = 0; i < net.size(); ++i) carried += net.participant_record(i).misses;
  CHECK(carried > 0);
  CHECK(WithheldFor(net, WithholdReason::kAvailability) == Amount(0));
  net.RunToEpoch(2);
  for (int i = 0; i < 30; ++i) net.Serve(net.NewJob(i % 3, 1 + i % 5));
  net.RunToSettlementOf(2);
  CHECK(WithheldFor(net, WithholdReason::kAvailability) > Amount(0));
  CheckSums(net, 2);
}

TEST_CASE("a settled record shrinks to at most about 200 bytes, keys included") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.RunToSettlementOf(0);
  size_t bytes = RecordKey(job.id).size() + net.view().Get(RecordKey(job.id))->size();
  bytes += 1 + 8 + 2 + 32;  // Its entry in the index of work.
  CHECK(bytes <= 210);
  const SettledRecord settled = *FindSettledRecord(net.view(), job.id);
  CHECK(settled.refunded == Amount(100));
  CHECK(settled.executor == net.id(job.executor));
  const InferenceRecord record = net.record(job.id);
  CHECK(record.assignment.request.developer == net.developer_id(0));
  CHECK(record.finish->output_tokens == 20);
  // Nothing moves it any more.
  CHECK(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kTooLate);
  CHECK(net.Do(net.participant(job.executor), net.FinishOf(job)) == TxCode::kTooLate);
  CHECK(net.Do(net.participant(1), net.DeliveredOf(job)) == TxCode::kTooLate);
  CHECK(net.Do(net.participant(2), ValidateCommit{.inference = job.id, .commitment = {}}) ==
        TxCode::kTooLate);
}

TEST_CASE("epochs are forgotten after their retention, whole") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.RunToSettlementOf(0);
  CHECK(ListRecords(net.view(), 0, InferenceId{}, 10).size() == 1);
  net.RunToSettlementOf(2);
  CHECK(net.chain().epoch_pruned == 1);
  CHECK_FALSE(FindRecord(net.view(), job.id));
  CHECK_FALSE(FindEpoch(net.view(), 0));
  CHECK_FALSE(FindStanding(net.view(), 0, net.id(job.executor)));
  CHECK(ListRecords(net.view(), 0, InferenceId{}, 10).empty());
  CHECK(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kWrongEpoch);
}

TEST_CASE("records of an epoch can be listed page by page") {
  TestNetwork net;
  net.AllowAll();
  std::vector<InferenceId> served;
  for (int i = 0; i < 7; ++i) {
    const Job job = net.NewJob(i % 3, i % 6);
    net.Serve(job);
    served.push_back(job.id);
  }
  std::vector<InferenceId> listed;
  InferenceId after;
  while (true) {
    const auto page = ListRecords(net.view(), 0, after, 3);
    if (page.empty()) break;
    CHECK(page.size() <= 3);
    for (const auto& [id, record] : page) listed.push_back(id);
    after = listed.back();
  }
  std::sort(served.begin(), served.end());
  std::sort(listed.begin(), listed.end());
  CHECK(listed == served);
}

TEST_CASE("open records of an epoch end with its settlement at the latest") {
  NetworkOptions options;
  options.params.time.expiry_base_blocks = 500;
  TestNetwork net(options);
  net.AllowAll();
  net.RunTo(95);
  const Job job = net.NewJob(0, 1);
  REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
  net.RunToSettlementOf(0);
  CHECK(net.record(job.id).status == InferenceStatus::kExpired);
  CHECK(net.Told<Refunded>().front().amount == Amount(160));
}

}  // namespace gonka::ledger
