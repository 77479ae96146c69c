// A pass is looked at again: lazy, bribed and friendly validators lose, careful ones do not.

#include <doctest/doctest.h>

#include <algorithm>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

NetworkOptions Rechecking(Ppm rate = Ppm{1'000'000}) {
  NetworkOptions options{.participants = 8};
  options.params.check.recheck_rate = rate;
  return options;
}

// A record that its first validator has passed, and whose pass is about to be checked again.
struct Passed {
  TestNetwork net;
  Job job;
  AccountId author;

  explicit Passed(NetworkOptions options = Rechecking()) : net(std::move(options)) {
    net.AllowAll();
    job = net.NewJob(0, 1);
    net.Serve(job);
    net.AwaitCheck(job);
    author = ValidatorOrder(net.view(), record().value()).front();
    net.Check(job, Verdict::kPass, -300);
  }
  std::optional<InferenceRecord> record() const { return FindRecord(net.view(), job.id); }
  void AwaitRecheck() {
    while (!record()->rechecked) net.MakeBlock();
  }
  size_t author_place() const { return net.PlaceOf(author); }
  size_t second() const { return net.PlaceOf(ValidatorOrder(net.view(), *record()).front()); }
  const Standing executor() const { return net.standing(0, job.executor); }
};

// The pass is re-checked with this verdict, and a committee votes like this.
Passed Retried(Verdict verdict, Verdict vote, NetworkOptions options = Rechecking()) {
  Passed passed(std::move(options));
  passed.AwaitRecheck();
  passed.net.Check(passed.job, verdict, 3'000);
  passed.net.AwaitCase(DisputeCase(passed.job.id));
  passed.net.Vote(DisputeCase(passed.job.id), vote);
  return passed;
}

}  // namespace

TEST_CASE("a re-check is drawn by the second link after the pass, for others than before") {
  Passed passed;
  CHECK_FALSE(passed.record()->rechecked);
  passed.net.MakeBlocks(2);
  const InferenceRecord record = *passed.record();
  CHECK(record.rechecked);
  CHECK(record.status == InferenceStatus::kValidated);
  CHECK(record.check_seed ==
        TaggedHash("gonka/draw/recheck/1", passed.net.chain().beacon, passed.job.id));
  const std::vector<AccountId> order = ValidatorOrder(passed.net.view(), record);
  CHECK(order.size() == 5);  // Of eight: not executor, transfer agent and first validator.
  for (const AccountId& id :
       {passed.author, record.assignment.executor, record.assignment.request.ta})
    CHECK(std::find(order.begin(), order.end(), id) == order.end());
  CHECK(passed.net.Told<RecheckDrawn>().size() == 1);
  CHECK(ListOpenChecks(passed.net.view()).size() == 1);
  const uint64_t next = passed.net.height() + 1;
  const auto duty = [&](const AccountId& who) {
    return DutyOf(passed.net.view(), record, who, next).code;
  };
  CHECK(duty(order[0]) == TxCode::kOk);
  CHECK(duty(order[1]) == TxCode::kTooEarly);
  CHECK(duty(passed.author) == TxCode::kAlreadyDone);
  CHECK(duty(record.assignment.request.ta) == TxCode::kNotAssigned);
  CHECK(duty(record.assignment.executor) == TxCode::kNotAssigned);
}

TEST_CASE("a second pass changes nothing, and both authors are paid") {
  Passed passed;
  passed.AwaitRecheck();
  const size_t second = passed.second();
  passed.net.Check(passed.job, Verdict::kPass, 400);
  CHECK(passed.record()->status == InferenceStatus::kValidated);
  CHECK(passed.executor().passes == 1);
  CHECK(passed.executor().cusum_millinats == 0);  // An answer's evidence counts once.
  passed.net.MakeBlocks(6);
  CHECK(passed.net.Told<RecheckDrawn>().size() == 1);
  passed.net.RunToSettlementOf(0);
  for (const Paid& paid : passed.net.Told<Paid>()) {
    const size_t who = passed.net.PlaceOf(paid.participant);
    const bool checked = who == second || who == passed.author_place();
    CHECK(paid.validator_fees == Amount(checked ? 5 : 0));
  }
}

TEST_CASE("the share of passes that are looked at again is the parameter's") {
  for (const auto& [rate, expected] : {std::pair{0u, 0u}, {300'000u, 12u}, {1'000'000u, 40u}}) {
    NetworkOptions options = Rechecking(Ppm{rate});
    options.params.time.epoch_blocks = 1'000;
    TestNetwork net(options);
    net.AllowAll(Amount(1'000'000));
    for (int i = 0; i < 40; ++i) {
      const Job job = net.NewJob(i % 3, i % 8u);
      net.Serve(job);
      net.AwaitCheck(job);
      net.Check(job, Verdict::kPass);
    }
    net.MakeBlocks(2);
    const size_t drawn = net.Told<RecheckDrawn>().size();
    if (rate == 300'000) {
      CHECK(drawn > 4);
      CHECK(drawn < 22);
    } else {
      CHECK(drawn == expected);
    }
  }
}

TEST_CASE("an overturned pass costs its author what a rejected accusation costs") {
  const Passed passed = Retried(Verdict::kFail, Verdict::kFail);
  const TestNetwork& net = passed.net;
  CHECK(passed.record()->status == InferenceStatus::kInvalidated);
  CHECK(net.Told<Refunded>().front().reason == RefundReason::kInvalid);
  CHECK(net.participant_record(passed.author_place()).collateral == Amount(999'500));
  CHECK(net.chain().totals.treasury == Amount(500));
  REQUIRE(net.Told<Penalised>().size() == 1);
  const Penalised penalised = net.Told<Penalised>().front();
  CHECK(penalised.who == passed.author);
  CHECK(penalised.amount == Amount(500));
  CHECK(penalised.reason == PenaltyReason::kOverturnedPass);
  CHECK(passed.executor().passes == 0);
  CHECK(passed.executor().fails == 1);
  CHECK(net.Told<HearingOpened>().size() == 1);
  // Who found it has its bond back.
  const AccountId accuser = net.Told<DisputeOpened>().front().accuser;
  CHECK(net.participant_record(net.PlaceOf(accuser)).collateral == Amount(1'000'000));
}

TEST_CASE("a re-check that accuses wrongly costs its own author, and the pass counts once") {
  const Passed passed = Retried(Verdict::kFail, Verdict::kPass);
  const TestNetwork& net = passed.net;
  CHECK(passed.record()->status == InferenceStatus::kValidated);
  CHECK(passed.executor().passes == 1);
  CHECK(passed.executor().cusum_millinats == 0);
  CHECK(net.participant_record(passed.author_place()).collateral == Amount(1'000'000));
  const Penalised penalised = net.Told<Penalised>().front();
  CHECK(penalised.who == net.Told<DisputeOpened>().front().accuser);
  CHECK(penalised.reason == PenaltyReason::kRejectedAccusation);
}

TEST_CASE("who passed before the payload was withheld is not overturned") {
  const Passed passed = Retried(Verdict::kUnavailable, Verdict::kUnavailable);
  CHECK(passed.record()->status == InferenceStatus::kInvalidated);
  CHECK(passed.net.Told<Penalised>().empty());
  CHECK(passed.executor().passes == 1);
}

TEST_CASE("a re-check that nobody does leaves the pass, and the silent have missed a duty") {
  Passed passed;
  passed.AwaitRecheck();
  const size_t second = passed.second();
  passed.net.RunToSettlementOf(0);
  CHECK(passed.record()->status == InferenceStatus::kValidated);
  CHECK(passed.record()->paid == Amount(100));
  CHECK(passed.net.standing(0, second).misses_half == 2);
  CHECK(passed.net.standing(0, passed.author_place()).misses_half == 0);
}

TEST_CASE("where only executor, transfer agent and validator serve, nobody is left to look again") {
  NetworkOptions options = Rechecking();
  options.participants = 3;
  Passed passed(options);
  passed.net.MakeBlocks(5);
  CHECK_FALSE(passed.record()->rechecked);
  CHECK(passed.net.Told<RecheckDrawn>().empty());
}

}  // namespace gonka::ledger
