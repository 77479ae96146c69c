#include <doctest/doctest.h>

#include <algorithm>

#include "gonka/rewards/fee.h"
#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

constexpr Amount kPrice{2};

Amount Cost(uint64_t tokens) {
  return Amount(kPrice.units() * tokens);
}

}  // namespace

TEST_CASE("an answered request locks its escrow, holds its cost and sends the rest home") {
  TestNetwork net;
  net.AllowAll();
  const AccountId developer = net.developer_id(0);
  const Job job = net.NewJob(0, 1, 50);
  const Amount before = FindAllowance(net.view(), net.id(1), developer)->available;

  REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
  CHECK(net.record(job.id).status == InferenceStatus::kStarted);
  CHECK(net.record(job.id).escrow == Cost(30 + 50));
  CHECK(FindAllowance(net.view(), net.id(1), developer)->available == before - Cost(80));

  REQUIRE(net.Do(net.participant(job.executor), net.FinishOf(job, 20)) == TxCode::kOk);
  const InferenceRecord record = net.record(job.id);
  CHECK(record.status == InferenceStatus::kFinished);
  CHECK(record.escrow == Amount(0));
  CHECK(record.held == Cost(30 + 20));
  CHECK(FindAllowance(net.view(), net.id(1), developer)->available == before - Cost(50));
  CHECK(FindAllowance(net.view(), net.id(1), developer)->open_records == 0);

  REQUIRE(net.Do(net.participant(1), net.DeliveredOf(job, 20)) == TxCode::kOk);
  CHECK(net.Told<RecordOpened>().size() == 1);
  CHECK(net.Told<RecordFinished>().front().cost == Cost(50));
  CHECK(net.Told<RecordDelivered>().front().matches == true);
}

TEST_CASE("Start, Finish and Delivered may come in any order that their senders can produce") {
  // The transfer agent sends Start and Delivered, in that order; the executor sends Finish, which
  // opens the record by itself where it comes first.
  enum class Step { kStart, kFinish, kDelivered };
  const std::vector<Step> orders[] = {
      {Step::kStart, Step::kFinish, Step::kDelivered},
      {Step::kStart, Step::kDelivered, Step::kFinish},
      {Step::kFinish, Step::kStart, Step::kDelivered},
      {Step::kFinish, Step::kDelivered, Step::kStart},
  };
  for (const bool one_block : {false, true}) {
    for (const std::vector<Step>& order : orders) {
      TestNetwork net;
      net.AllowAll();
      const Job job = net.NewJob(0, 1);
      std::vector<TxCode> codes;
      for (const Step step : order) {
        if (step == Step::kStart) net.Send(net.participant(1), {net.StartOf(job)});
        if (step == Step::kFinish) {
          net.Send(net.participant(job.executor), {net.FinishOf(job, 20, true)});
        }
        if (step == Step::kDelivered) net.Send(net.participant(1), {net.DeliveredOf(job)});
        if (!one_block) {
          const std::vector<TxCode> block = net.MakeBlock();
          codes.insert(codes.end(), block.begin(), block.end());
        }
      }
      if (one_block) codes = net.MakeBlock();
      CHECK(codes == std::vector<TxCode>(3, TxCode::kOk));
      const InferenceRecord record = net.record(job.id);
      CHECK(record.started);
      CHECK(record.accepted);
      CHECK(record.finish);
      CHECK(record.delivered);
      CHECK_FALSE(record.delivery_differs);
      CHECK(record.held == Cost(50));
    }
  }
}

TEST_CASE("the same again is refused as already done and changes nothing") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  const InferenceRecord before = net.record(job.id);
  CHECK(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kAlreadyDone);
  CHECK(net.Do(net.participant(job.executor), net.FinishOf(job)) == TxCode::kAlreadyDone);
  CHECK(net.Do(net.participant(job.executor), net.FinishOf(job, 20, true)) == TxCode::kAlreadyDone);
  CHECK(net.Do(net.participant(1), net.DeliveredOf(job)) == TxCode::kAlreadyDone);
  CHECK(net.record(job.id).held == before.held);
  CHECK(net.record(job.id).finish == before.finish);
}

TEST_CASE("a second, different Finish convicts: the executor has signed two outputs") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  const KeyPair& executor = net.participant(job.executor);
  CHECK(net.Do(executor, net.FinishOf(job)) == TxCode::kAlreadyDone);
  CHECK(net.Told<Convicted>().empty());
  Finish other = net.FinishOf(job);
  other.artifact_root = Hash{};
  CHECK(net.Do(executor, other) == TxCode::kOk);
  REQUIRE(net.Told<Convicted>().size() == 1);
  CHECK(net.Told<Convicted>().front().cause == ConvictionCause::kTwoOutputs);
  CHECK(net.participant_record(job.executor).removed);
  CHECK(net.record(job.id).status == InferenceStatus::kInvalidated);
  CHECK(net.record(job.id).finish->artifact_root == net.FinishOf(job).artifact_root);
  // Once is enough.
  CHECK(net.Do(executor, other) == TxCode::kAlreadyDone);
  CHECK(net.participant_record(job.executor).convictions == 1);
}

TEST_CASE("a second Delivered convicts only with the executor's signature under another answer") {
  struct Row {
    const char* name;
    bool finished;
    bool first_signed;
    bool second_differs;
    bool second_signed;
    TxCode code;
    bool convicted;
  };
  const Row rows[] = {
      {"the same again", true, true, false, true, TxCode::kAlreadyDone, false},
      {"a signature after none", true, false, false, true, TxCode::kConflictsWithRecord, false},
      {"other text, unsigned", true, true, true, false, TxCode::kConflictsWithRecord, false},
      {"other text, signed", true, false, true, true, TxCode::kOk, true},
      {"two signatures before Finish", false, true, true, true, TxCode::kOk, true},
      {"one signature before Finish", false, false, true, true, TxCode::kConflictsWithRecord,
       false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    TestNetwork net;
    net.AllowAll();
    const Job job = net.NewJob(0, 1);
    const KeyPair& ta = net.participant(1);
    REQUIRE(net.Do(ta, net.StartOf(job)) == TxCode::kOk);
    if (row.finished) {
      REQUIRE(net.Do(net.participant(job.executor), net.FinishOf(job)) == TxCode::kOk);
    }
    Delivered first = net.DeliveredOf(job);
    Delivered second = net.DeliveredOf(job, row.second_differs ? 19 : 20);
    if (!row.first_signed) first.executor_signature.reset();
    if (!row.second_signed) second.executor_signature.reset();
    REQUIRE(net.Do(ta, first) == TxCode::kOk);
    CHECK(net.Do(ta, second) == row.code);
    CHECK(net.Told<Convicted>().size() == (row.convicted ? 1 : 0));
    CHECK(net.record(job.id).delivered->output_tokens == 20);
  }
}

TEST_CASE("whether a delivery matches is told once both are in, and never guessed") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Send(net.participant(1), {net.StartOf(job), net.DeliveredOf(job)});
  net.MakeBlock();
  REQUIRE(net.Told<RecordDelivered>().size() == 1);
  CHECK_FALSE(net.Told<RecordDelivered>()[0].matches.has_value());
  REQUIRE(net.Do(net.participant(job.executor), net.FinishOf(job)) == TxCode::kOk);
  REQUIRE(net.Told<RecordDelivered>().size() == 2);
  CHECK(net.Told<RecordDelivered>()[1].matches == true);
}

TEST_CASE("an executor that dies is paid nothing and the escrow goes home") {
  for (const bool accepted : {true, false}) {
    TestNetwork net;
    net.AllowAll();
    const Job job = net.NewJob(0, 1);
    const Amount before = FindAllowance(net.view(), net.id(1), net.developer_id(0))->available;
    REQUIRE(net.Do(net.participant(1), net.StartOf(job, accepted)) == TxCode::kOk);
    net.RunTo(job.assignment.request.expiry_height - 1);
    CHECK(net.record(job.id).status == InferenceStatus::kStarted);
    net.MakeBlock();
    CHECK(net.record(job.id).status == InferenceStatus::kExpired);
    CHECK(FindAllowance(net.view(), net.id(1), net.developer_id(0))->available == before);
    CHECK(net.Told<RecordExpired>().size() == 1);
    CHECK(net.Told<Refunded>().front().amount == Cost(80));
    CHECK(net.Told<Refunded>().front().reason == RefundReason::kExpired);
    // Without the executor's Accept the blame is shared.
    CHECK(net.standing(0, job.executor).misses_half == (accepted ? 2 : 1));
    CHECK(net.standing(0, 1).misses_half == (accepted ? 0 : 1));
    CHECK(net.Do(net.participant(job.executor), net.FinishOf(job)) == TxCode::kExpired);
    CHECK(net.Do(net.participant(1), net.DeliveredOf(job)) == TxCode::kExpired);
  }
}

TEST_CASE("a Finish in the last block before expiry counts") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
  net.RunTo(job.assignment.request.expiry_height - 1);
  CHECK(net.Do(net.participant(job.executor), net.FinishOf(job)) == TxCode::kOk);
  CHECK(net.record(job.id).status == InferenceStatus::kFinished);
}

TEST_CASE("failover: the next attempt closes the one before and takes its number") {
  TestNetwork net;
  net.AllowAll();
  const Job first = net.NewJob(0, 1);
  const Amount before = FindAllowance(net.view(), net.id(1), net.developer_id(0))->available;
  REQUIRE(net.Do(net.participant(1), net.StartOf(first)) == TxCode::kOk);
  const Job second = net.NextAttempt(first);
  CHECK(second.executor != first.executor);
  REQUIRE(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kOk);
  CHECK(net.record(first.id).status == InferenceStatus::kExpired);
  CHECK(net.record(first.id).escrow == Amount(0));
  CHECK(net.record(second.id).escrow == Cost(80));
  CHECK(FindAllowance(net.view(), net.id(1), net.developer_id(0))->available == before - Cost(80));
  CHECK(net.Told<Refunded>().front().reason == RefundReason::kUnusedEscrow);
  // Nobody knows whose fault it was.
  CHECK(net.standing(0, first.executor).misses_half == 1);
  CHECK(net.standing(0, 1).misses_half == 1);
  // The abandoned executor comes too late, with nothing to show that its answer was taken.
  CHECK(net.Do(net.participant(first.executor), net.FinishOf(first)) == TxCode::kNotAcknowledged);
  CHECK(net.Do(net.participant(1), net.StartOf(first)) == TxCode::kAlreadyDone);

  const Job third = net.NextAttempt(second);
  CHECK(third.executor != first.executor);
  CHECK(third.executor != second.executor);
  REQUIRE(net.Do(net.participant(third.executor), net.FinishOf(third, 20, true)) == TxCode::kOk);
  CHECK(net.record(second.id).status == InferenceStatus::kExpired);
  CHECK(net.record(third.id).status == InferenceStatus::kFinished);
}

TEST_CASE("a signed refusal takes the blame from both, and a forged one is refused") {
  TestNetwork net;
  net.AllowAll();
  const Job first = net.NewJob(0, 1);
  const Signature refusal = net.participant(first.executor).Sign(RefusalSigningHash(first.id));
  const Job second = net.NextAttempt(first, refusal);
  const Job forged = net.NextAttempt(first, net.participant(1).Sign(RefusalSigningHash(first.id)));
  CHECK(net.Do(net.participant(1), net.StartOf(forged)) == TxCode::kBadSignature);
  // The first attempt never reached the ledger.
  REQUIRE(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kOk);
  CHECK(net.standing(0, first.executor).misses_half == 0);
  CHECK(net.standing(0, 1).misses_half == 0);
  // And cannot come after its successor.
  CHECK(net.Do(net.participant(1), net.StartOf(first)) == TxCode::kWrongAttempt);
}

TEST_CASE("no further attempt after an answer") {
  TestNetwork net;
  net.AllowAll();
  const Job first = net.NewJob(0, 1);
  net.Serve(first);
  const Job second = net.NextAttempt(first);
  CHECK(net.Do(net.participant(1), net.StartOf(second)) == TxCode::kConflictsWithRecord);
}

TEST_CASE("an executor that signed two outputs is convicted by the ledger itself") {
  for (const bool delivered_first : {true, false}) {
    TestNetwork net;
    net.AllowAll();
    const Job earlier = net.JobFor(3, 2);
    net.Serve(earlier);
    const Job job = net.JobFor(3, 0);
    Delivered delivered = net.DeliveredOf(job);
    delivered.output_digest = TaggedHash("test/other/1", job.id);
    delivered.executor_signature = net.participant(3).Sign(
        DeliverySigningHash(job.id, delivered.output_digest, delivered.output_tokens));
    const Amount before = net.balance(net.developer_id(0));
    REQUIRE(net.Do(net.participant(job.ta), net.StartOf(job)) == TxCode::kOk);
    std::vector<std::pair<KeyPair, Event>> steps = {
        {net.participant(job.ta), delivered},
        {net.participant(3), net.FinishOf(job)},
    };
    if (!delivered_first) std::swap(steps[0], steps[1]);
    for (const auto& [sender, event] : steps) REQUIRE(net.Do(sender, event) == TxCode::kOk);

    const std::vector<Convicted> convicted = net.Told<Convicted>();
    REQUIRE(convicted.size() == 1);
    CHECK(convicted.front().accused == net.id(3));
    CHECK(convicted.front().cause == ConvictionCause::kTwoOutputs);
    CHECK(convicted.front().removed);
    CHECK(convicted.front().slashed == Amount(200'000));
    CHECK(net.participant_record(3).removed);
    CHECK(net.record(job.id).status == InferenceStatus::kInvalidated);
    CHECK(net.balance(net.developer_id(0)) == before + Cost(50));
    // So is everybody else whom it served.
    CHECK(net.record(earlier.id).status == InferenceStatus::kInvalidated);
    CHECK(net.record(earlier.id).held == Amount(0));

    // Later answers of the epoch are free, and it is not drawn in the next one.
    net.RunToEpoch(1);
    const std::optional<EpochTable> table = FindEpoch(net.view(), 1);
    CHECK(std::none_of(table->members.begin(), table->members.end(),
                       [&](const Member& member) { return member.id == net.id(3); }));
  }
}

TEST_CASE("a delivery that differs without proof is the transfer agent's fault") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  Delivered delivered = net.DeliveredOf(job);
  delivered.output_digest = TaggedHash("test/other/1", job.id);
  delivered.executor_signature.reset();
  net.Send(net.participant(1), {net.StartOf(job), delivered});
  net.Send(net.participant(job.executor), {net.FinishOf(job)});
  CHECK(net.MakeBlock() == std::vector<TxCode>(3, TxCode::kOk));
  CHECK(net.record(job.id).delivery_differs);
  CHECK(net.record(job.id).status == InferenceStatus::kFinished);
  CHECK(net.standing(0, 1).misses_half == 2);
  CHECK(net.Told<Convicted>().empty());
}

TEST_CASE(
    "a transfer agent that contradicts its own signature pays with a miss, not the executor") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  Job told = job;  // What the executor was told.
  told.assignment.prompt_tokens = 25;
  REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
  REQUIRE(net.Do(net.participant(job.executor), net.FinishOf(told, 20, true)) == TxCode::kOk);
  CHECK(net.record(job.id).status == InferenceStatus::kExpired);
  CHECK(net.standing(0, 1).misses_half == 2);
  CHECK(net.standing(0, job.executor).misses_half == 0);
}

TEST_CASE("an API key's allowance needs no signature of the developer") {
  TestNetwork net;
  const Hash digest = ApiKeyDigest(AsBytes("secret"));
  REQUIRE(net.Do(net.developer(0), Allow{.ta = net.id(1),
                                         .amount = Amount(1'000),
                                         .expires_epoch = 5,
                                         .key_digest = digest}) == TxCode::kOk);
  CHECK(FindDeveloperByKey(net.view(), net.id(1), digest) == net.developer_id(0));
  CHECK_FALSE(FindDeveloperByKey(net.view(), net.id(2), digest));
  net.MakeBlocks(3);
  Job job = net.NewJob(0, 1);
  job.assignment.developer_signature.reset();
  CHECK(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
}

TEST_CASE("requests may be opened for the last epoch during its grace, not after") {
  TestNetwork net;
  net.AllowAll();
  net.RunTo(95);
  const Job in_grace = net.NewJob(0, 1);
  const Job too_late = net.NewJob(1, 1);
  net.RunToEpoch(1);
  net.RunTo(102);
  CHECK(net.Do(net.participant(1), net.StartOf(in_grace)) == TxCode::kOk);
  net.RunTo(104);
  CHECK(net.Do(net.participant(1), net.StartOf(too_late)) == TxCode::kWrongEpoch);
  CHECK(net.Do(net.participant(in_grace.executor), net.FinishOf(in_grace)) == TxCode::kOk);
  CHECK(net.standing(0, in_grace.executor).executed == 1);
  CHECK(net.standing(1, in_grace.executor).executed == 0);
}

}  // namespace gonka::ledger
