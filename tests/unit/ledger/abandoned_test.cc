// A transfer agent that takes an answer, or a part of it, and says that it has not.

#include <doctest/doctest.h>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

constexpr uint32_t kLong = 400;
constexpr uint32_t kTaken = 256;
const Amount kDue{(30 + kTaken) * 2};

Finish ClaimOf(const TestNetwork& net, const Job& job, bool with_opening) {
  Finish finish = net.FinishOf(job, kTaken, with_opening);
  finish.finish = FinishCode::kCancelled;
  finish.word = net.AckOf(job, kTaken);
  return finish;
}

Amount FeesOf(const TestNetwork& net, const AccountId& id) {
  Amount sum;
  for (const Paid& paid : net.Told<Paid>()) {
    if (paid.participant == id) sum += paid.executor_fees;
  }
  return sum;
}

// A network without emission, in which every coin that moves is a fee.
NetworkOptions FeesOnly() {
  NetworkOptions options;
  options.params.money.emission_initial = Amount(0);
  options.params.check.recheck_rate = Ppm{0};
  return options;
}

}  // namespace

TEST_CASE(
    "who claims that an answer was cancelled shows the transfer agent's word for its tokens") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  const Job other = net.NewJob(1, 1);
  REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
  Finish finish = net.FinishOf(job, 5);
  finish.finish = FinishCode::kCancelled;
  struct Row {
    const char* name;
    std::optional<AgentWord> word;
    TxCode code;
  };
  AgentWord own = net.CancelOf(job, 5);
  own.signature = net.participant(job.executor).Sign(CancelSigningHash(job.id, 5));
  const Row rows[] = {
      {"no word", std::nullopt, TxCode::kNotAcknowledged},
      {"its own", own, TxCode::kBadSignature},
      {"of another answer", net.CancelOf(other, 5), TxCode::kBadSignature},
      {"of fewer tokens", net.CancelOf(job, 4), TxCode::kMalformed},
      {"of more tokens", net.AckOf(job, 6), TxCode::kMalformed},
      {"right", net.CancelOf(job, 5), TxCode::kOk},
      {"once more", net.CancelOf(job, 5), TxCode::kAlreadyDone},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    finish.word = row.word;
    CHECK(net.Do(net.participant(job.executor), finish) == row.code);
  }
  CHECK(net.record(job.id).held == Amount(70));
}

TEST_CASE("an executor that was left midway is paid from the escrow for what was acknowledged") {
  TestNetwork net(FeesOnly());
  net.AllowAll();
  const Job job = net.NewJob(0, 1, kLong);
  REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
  REQUIRE(net.Do(net.participant(job.executor), ClaimOf(net, job, false)) == TxCode::kOk);
  net.AwaitCheck(job);
  net.Check(job, Verdict::kPass);
  net.RunToSettlementOf(0);
  CHECK(FeesOf(net, net.id(job.executor)) == Amount(457));  // 80 %, rounded down.
  CHECK(net.record(job.id).paid + net.chain().totals.treasury == kDue);
  CHECK(net.participant_record(1).collateral == Amount(1'000'000));
}

// Whichever of the two is on the ledger first, and whether its Start ever was.
TEST_CASE("who takes tokens and turns to another executor pays the first one itself") {
  enum class Order { kClaimFirst, kNextFirst, kNextFirstNoStart };
  for (const Order order : {Order::kClaimFirst, Order::kNextFirst, Order::kNextFirstNoStart}) {
    CAPTURE(static_cast<int>(order));
    TestNetwork net(FeesOnly());
    net.AllowAll();
    const Job first = net.NewJob(0, 1, kLong);
    const Job second = net.NextAttempt(first);
    const Amount before = net.balance(net.developer_id(0)) +
                          FindAllowance(net.view(), net.id(1), net.developer_id(0))->available;
    if (order != Order::kNextFirstNoStart) {
      REQUIRE(net.Do(net.participant(1), net.StartOf(first)) == TxCode::kOk);
    }
    const Finish claim = ClaimOf(net, first, order == Order::kNextFirstNoStart);
    if (order == Order::kClaimFirst) {
      REQUIRE(net.Do(net.participant(first.executor), claim) == TxCode::kOk);
    }
    REQUIRE(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kOk);
    REQUIRE(net.Do(net.participant(second.executor), net.FinishOf(second)) == TxCode::kOk);
    REQUIRE(net.Do(net.participant(1), net.DeliveredOf(second)) == TxCode::kOk);
    if (order != Order::kClaimFirst) {
      REQUIRE(net.Do(net.participant(first.executor), claim) == TxCode::kOk);
    }
    CHECK(net.Do(net.participant(first.executor), claim) == TxCode::kAlreadyDone);
    CHECK(net.record(first.id).agent_pays);
    CHECK(net.record(first.id).held == kDue);
    CHECK(net.participant_record(1).collateral == Amount(1'000'000) - kDue);
    CHECK(net.Told<AgentCharged>().size() == 1);
    // The whole of the blame is the transfer agent's.
    CHECK(net.standing(0, first.executor).misses_half == 0);
    CHECK(net.standing(0, 1).misses_half == 2);

    net.AwaitCheck(first);
    net.Check(first, Verdict::kPass);
    net.AwaitCheck(second);
    net.Check(second, Verdict::kPass);
    net.RunToSettlementOf(0);
    // Both are paid; the developer has paid for one answer of 20 tokens.
    CHECK(FeesOf(net, net.id(first.executor)) == Amount(457));
    CHECK(FeesOf(net, net.id(second.executor)) == Amount(80));
    CHECK(net.balance(net.developer_id(0)) +
              FindAllowance(net.view(), net.id(1), net.developer_id(0))->available ==
          before - Amount(100));
  }
}

TEST_CASE("a whole answer that was called silence is paid as far as it was acknowledged") {
  TestNetwork net(FeesOnly());
  net.AllowAll();
  const Job first = net.NewJob(0, 1, kLong);
  const Job second = net.NextAttempt(first);
  REQUIRE(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kOk);
  Finish finish = net.FinishOf(first, 300, true);
  CHECK(net.Do(net.participant(first.executor), finish) == TxCode::kNotAcknowledged);
  finish.word = net.AckOf(first, 301);
  CHECK(net.Do(net.participant(first.executor), finish) == TxCode::kMalformed);
  finish.word = net.AckOf(second, kTaken);
  CHECK(net.Do(net.participant(first.executor), finish) == TxCode::kBadSignature);
  finish.word = net.AckOf(first, kTaken);
  CHECK(net.Do(net.participant(first.executor), finish) == TxCode::kOk);
  CHECK(net.record(first.id).held == kDue);
  CHECK(net.record(first.id).finish->output_tokens == 300);
  CHECK(net.Do(net.participant(first.executor), net.FinishOf(first, 300)) == TxCode::kAlreadyDone);
}

TEST_CASE("a refusal and an acknowledgement of one attempt contradict each other") {
  for (const bool claim_first : {true, false}) {
    TestNetwork net;
    net.AllowAll();
    const Job first = net.NewJob(0, 1, kLong);
    const Job second =
        net.NextAttempt(first, net.participant(first.executor).Sign(RefusalSigningHash(first.id)));
    if (claim_first) {
      REQUIRE(net.Do(net.participant(first.executor), ClaimOf(net, first, true)) == TxCode::kOk);
      CHECK(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kConflictsWithRecord);
    } else {
      REQUIRE(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kOk);
      CHECK(net.Do(net.participant(first.executor), ClaimOf(net, first, true)) ==
            TxCode::kConflictsWithRecord);
    }
  }
}

TEST_CASE("a client that hung up ends the request: no later attempt is opened") {
  TestNetwork net;
  net.AllowAll();
  const Job first = net.NewJob(0, 1);
  Finish finish = net.FinishOf(first, 5, true);
  finish.finish = FinishCode::kCancelled;
  finish.word = net.CancelOf(first, 5);
  REQUIRE(net.Do(net.participant(first.executor), finish) == TxCode::kOk);
  CHECK(net.Do(net.participant(1), net.StartOf(net.NextAttempt(first))) ==
        TxCode::kConflictsWithRecord);
}

TEST_CASE("what a transfer agent was charged goes back to it where the answer is bad") {
  TestNetwork net(FeesOnly());
  net.AllowAll();
  const Job first = net.NewJob(0, 1, kLong);
  const Job second = net.NextAttempt(first);
  REQUIRE(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kOk);
  REQUIRE(net.Do(net.participant(first.executor), ClaimOf(net, first, true)) == TxCode::kOk);
  net.AwaitCheck(first);
  net.Check(first, Verdict::kFail, 3'000);
  net.AwaitCase(DisputeCase(first.id));
  net.Vote(DisputeCase(first.id), Verdict::kFail);
  CHECK(net.record(first.id).status == InferenceStatus::kInvalidated);
  CHECK(net.participant_record(1).collateral == Amount(1'000'000));
  CHECK(net.Told<Refunded>().back().developer == net.id(1));
}

TEST_CASE("a transfer agent without a stake owes what it has") {
  NetworkOptions options = FeesOnly();
  options.collateral = Amount(100);
  TestNetwork net(options);
  net.AllowAll();
  REQUIRE(net.Do(net.participant(1), WithdrawCollateral{Amount(40)}) == TxCode::kOk);
  const Job first = net.NewJob(0, 1, kLong);
  const Job second = net.NextAttempt(first);
  REQUIRE(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kOk);
  REQUIRE(net.Do(net.participant(first.executor), ClaimOf(net, first, true)) == TxCode::kOk);
  CHECK(net.record(first.id).held == Amount(100));
  CHECK(net.chain().totals.unbonding == Amount(0));
}

}  // namespace gonka::ledger
