// One row for every way in which the rules refuse an event; the expected code stands at the end.

#include <doctest/doctest.h>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

using Change = std::function<void(const TestNetwork&, Job&)>;

// The job, changed and signed again by its developer.
Job Changed(const TestNetwork& net, Job job, const Change& change) {
  change(net, job);
  job.assignment.developer_signature =
      net.developer(job.developer).Sign(RequestSigningHash(job.assignment.request));
  job.id = InferenceIdOf(job.assignment);
  return job;
}

}  // namespace

TEST_CASE("a Start that breaks a rule is refused with that rule's code and no effect") {
  struct Row {
    const char* name;
    Change change;
    TxCode code;
  };
  const Row rows[] = {
      {"as drawn", [](const TestNetwork&, Job&) {}, TxCode::kOk},
      {"another network",
       [](const TestNetwork&, Job& job) { job.assignment.request.network = NetworkId{}; },
       TxCode::kWrongNetwork},
      {"the next epoch", [](const TestNetwork&, Job& job) { ++job.assignment.request.epoch; },
       TxCode::kWrongEpoch},
      {"the last of all epochs",
       [](const TestNetwork&, Job& job) { job.assignment.request.epoch = UINT64_MAX; },
       TxCode::kWrongEpoch},
      {"an unknown model",
       [](const TestNetwork&, Job& job) { job.assignment.request.model = ModelId{}; },
       TxCode::kUnknownModel},
      {"a cap below the price",
       [](const TestNetwork&, Job& job) { job.assignment.request.price_cap = Amount(1); },
       TxCode::kPriceAboveCap},
      {"no output tokens",
       [](const TestNetwork&, Job& job) { job.assignment.request.tokens_max = 0; },
       TxCode::kTokenLimit},
      {"no prompt tokens", [](const TestNetwork&, Job& job) { job.assignment.prompt_tokens = 0; },
       TxCode::kTokenLimit},
      {"prompt and output just beyond the context",
       [](const TestNetwork&, Job& job) { job.assignment.prompt_tokens = 951; },
       TxCode::kTokenLimit},
      {"prompt and output as long as the context",
       [](const TestNetwork&, Job& job) { job.assignment.prompt_tokens = 950; }, TxCode::kOk},
      {"an expiry that has passed",
       [](const TestNetwork& net, Job& job) {
         job.assignment.request.expiry_height = net.height();
       },
       TxCode::kExpired},
      {"an expiry in this very block",
       [](const TestNetwork& net, Job& job) {
         job.assignment.request.expiry_height = net.height() + 1;
       },
       TxCode::kOk},
      {"an expiry too far away",
       [](const TestNetwork&, Job& job) { ++job.assignment.request.expiry_height; },
       TxCode::kExpiryTooFar},
      {"a developer without allowance",
       [](const TestNetwork& net, Job& job) { job.assignment.request.developer = net.id(5); },
       TxCode::kInsufficientAllowance},
      {"another executor",
       [](const TestNetwork& net, Job& job) {
         job.assignment.executor = net.id(job.executor == 2 ? 3 : 2);
       },
       TxCode::kWrongExecutor},
      {"its own executor",
       [](const TestNetwork& net, Job& job) { job.assignment.executor = net.id(1); },
       TxCode::kWrongExecutor},
      {"a fourth attempt", [](const TestNetwork&, Job& job) { job.assignment.attempt = 3; },
       TxCode::kWrongAttempt},
      {"a second attempt without the first",
       [](const TestNetwork&, Job& job) { job.assignment.attempt = 1; }, TxCode::kWrongAttempt},
      {"a second attempt that skipped somebody else",
       [](const TestNetwork& net, Job& job) {
         job.assignment.attempt = 1;
         job.assignment.skipped = {{.executor = net.id(1), .refusal = {}}};
       },
       TxCode::kWrongAttempt},
      {"a number just inside the window",
       [](const TestNetwork& net, Job& job) {
         job.assignment.request.sequence = 31;
         job.assignment.executor = std::get<AccountId>(
             DrawExecutor(net.view(), 0, net.model(), net.developer_id(0), net.id(1), 31, 0));
       },
       TxCode::kOk},
      {"a number beyond the window",
       [](const TestNetwork&, Job& job) { job.assignment.request.sequence = 32; },
       TxCode::kRequestSequenceTooFar},
      {"a number far beyond it",
       [](const TestNetwork&, Job& job) { job.assignment.request.sequence = UINT64_MAX; },
       TxCode::kRequestSequenceTooFar},
      {"more than the allowance has",
       [](const TestNetwork&, Job& job) { job.assignment.prompt_tokens = 900; },
       TxCode::kInsufficientAllowance},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    TestNetwork net;
    const bool poor = std::string(row.name) == "more than the allowance has";
    net.AllowAll(Amount(poor ? 1'899 : 100'000));
    const Job job = Changed(net, net.NewJob(0, 1), row.change);
    const Totals before = net.chain().totals;
    const TxCode code = net.Do(net.participant(1), net.StartOf(job, false));
    CHECK_MESSAGE(code == row.code, TxCodeName(code));
    if (row.code == TxCode::kOk) continue;
    CHECK_FALSE(FindRecord(net.view(), job.id));
    CHECK(net.chain().totals == before);
    CHECK(net.last().notices.empty());
    // The executor that was told the same is refused alike.
    Job opened = job;
    opened.executor = 4;
    Finish finish = net.FinishOf(opened);
    finish.opening = net.Signed(job);
    const TxCode finish_code =
        net.Do(net.participant(net.PlaceOf(job.assignment.executor)), finish);
    if (std::string(row.name) != "an expiry too far away") {  // One block later it is fine.
      CHECK_MESSAGE(finish_code == row.code, TxCodeName(finish_code));
    }
  }
}

TEST_CASE("a request sequence serves one request") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  const Job other = Changed(net, job, [](const TestNetwork&, Job& changed) {
    changed.assignment.request.tokens_max = 40;
  });
  // Another request under the same number has the same inference id.
  CHECK(net.Do(net.participant(1), net.StartOf(other, false)) == TxCode::kConflictsWithRecord);
  // In another epoch it has its own, but the number is gone.
  net.RunToEpoch(1);
  const Job later = Changed(net, job, [](const TestNetwork& at, Job& changed) {
    changed.assignment.request.epoch = 1;
    changed.assignment.request.expiry_height = at.height() + 5;
  });
  CHECK(net.Do(net.participant(1), net.StartOf(later, false)) == TxCode::kRequestSequenceUsed);
}

TEST_CASE("signatures inside events are checked") {
  TestNetwork net;
  net.AllowAll();
  Job job = net.NewJob(0, 1);
  const Start good = net.StartOf(job);
  Start unsigned_start = good;
  unsigned_start.assignment.developer_signature.reset();
  Start by_another = good;
  by_another.assignment.developer_signature =
      net.developer(1).Sign(RequestSigningHash(job.assignment.request));
  Start false_accept = good;
  false_accept.accept = net.participant(1).Sign(AcceptSigningHash(job.id));
  CHECK(net.Do(net.participant(1), unsigned_start) == TxCode::kBadSignature);
  CHECK(net.Do(net.participant(1), by_another) == TxCode::kBadSignature);
  CHECK(net.Do(net.participant(1), false_accept) == TxCode::kBadSignature);
  CHECK_FALSE(FindRecord(net.view(), job.id));  // Not even half of it.

  Finish finish = net.FinishOf(job, 20, true);
  finish.opening->ta_signature = net.participant(2).Sign(AssignmentSigningHash(job.assignment));
  CHECK(net.Do(net.participant(job.executor), finish) == TxCode::kBadSignature);
  REQUIRE(net.Do(net.participant(1), good) == TxCode::kOk);
  Delivered delivered = net.DeliveredOf(job);
  delivered.executor_signature = net.participant(1).Sign(
      DeliverySigningHash(job.id, delivered.output_digest, delivered.output_tokens));
  CHECK(net.Do(net.participant(1), delivered) == TxCode::kBadSignature);
}

TEST_CASE("events about a record are for those whom it names") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  const size_t other = job.executor == 2 ? 3 : 2;
  CHECK(net.Do(net.participant(other), net.StartOf(job)) == TxCode::kWrongTransferAgent);
  CHECK(net.Do(net.participant(job.executor), net.FinishOf(job)) == TxCode::kUnknownInference);
  CHECK(net.Do(net.participant(1), net.DeliveredOf(job)) == TxCode::kUnknownInference);
  CHECK(net.Do(net.participant(other), net.FinishOf(job, 20, true)) == TxCode::kWrongExecutor);
  Finish elsewhere = net.FinishOf(job, 20, true);
  elsewhere.inference = InferenceId{};
  CHECK(net.Do(net.participant(job.executor), elsewhere) == TxCode::kMalformed);
  REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
  CHECK(net.Do(net.participant(other), net.FinishOf(job)) == TxCode::kWrongExecutor);
  CHECK(net.Do(net.participant(other), net.DeliveredOf(job)) == TxCode::kWrongTransferAgent);
  CHECK(net.Do(net.participant(job.executor), net.FinishOf(job, 51)) == TxCode::kTokenLimit);
  CHECK(net.Do(net.participant(1), net.DeliveredOf(job, 51)) == TxCode::kTokenLimit);
  REQUIRE(net.Do(net.participant(1), net.DeliveredOf(job, 20)) == TxCode::kOk);
  Delivered other_text = net.DeliveredOf(job, 21);
  other_text.executor_signature.reset();
  CHECK(net.Do(net.participant(1), other_text) == TxCode::kConflictsWithRecord);
}

TEST_CASE("a transfer agent must be a participant with a place in the epoch") {
  TestNetwork net;
  net.AllowAll();
  Job job = net.NewJob(0, 1);
  job = Changed(net, job, [](const TestNetwork& at, Job& changed) {
    changed.assignment.request.ta = at.developer_id(1);
  });
  CHECK(net.Do(net.developer(1), net.StartOf(job, false)) == TxCode::kUnknownParticipant);

  // Somebody who registered in this epoch.
  REQUIRE(net.Do(net.developer(1), Register{.endpoint = std::string("http://x"),
                                            .models = {net.model()}}) == TxCode::kOk);
  REQUIRE(net.Do(net.developer(0), Allow{.ta = net.developer_id(1),
                                         .amount = Amount(1'000),
                                         .expires_epoch = 5,
                                         .key_digest = {}}) == TxCode::kOk);
  net.MakeBlocks(3);
  job.assignment.request.expiry_height = net.height() + 5;
  job = Changed(net, job, [](const TestNetwork&, Job&) {});
  CHECK(net.Do(net.developer(1), net.StartOf(job, false)) == TxCode::kWrongTransferAgent);
}

TEST_CASE("an allowance is not ready before its salt, and not after its epoch") {
  TestNetwork net;
  net.AllowAll(Amount(1'000), 0);
  Job job = net.NewJob(0, 1);
  net.RunTo(98);
  // In the next epoch the allowance is gone, unless something is open under it.
  const Job open = net.NewJob(1, 2);
  REQUIRE(net.Do(net.participant(2), net.StartOf(open)) == TxCode::kOk);
  net.RunToEpoch(1);
  Job late = net.NewJob(1, 2);
  CHECK(net.Do(net.participant(2), net.StartOf(late)) == TxCode::kAllowanceExpired);
  job = Changed(net, job, [](const TestNetwork& at, Job& changed) {
    changed.assignment.request.epoch = 1;
    changed.assignment.request.expiry_height = at.height() + 5;
  });
  CHECK(net.Do(net.participant(1), net.StartOf(job, false)) == TxCode::kInsufficientAllowance);
  REQUIRE(net.Do(net.developer(0), Allow{.ta = net.id(1),
                                         .amount = Amount(1'000),
                                         .expires_epoch = 5,
                                         .key_digest = {}}) == TxCode::kOk);
  CHECK(net.Do(net.participant(1), net.StartOf(job, false)) == TxCode::kAllowanceNotReady);
  CHECK(std::get<TxCode>(DrawExecutor(net.view(), 1, net.model(), net.developer_id(1), net.id(1), 0,
                                      0)) == TxCode::kInsufficientAllowance);
}

TEST_CASE("where nobody but the executor serves the model, nobody could check it") {
  TestNetwork net;
  for (const size_t i : {0, 1, 2, 3, 4}) {
    REQUIRE(net.Do(net.participant(i), Register{.endpoint = std::string("x"), .models = {}}) ==
            TxCode::kOk);
  }
  net.RunToEpoch(1);
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  CHECK(job.executor == 5);
  CHECK(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kNobodyToCheck);
  // And the one who serves it cannot be its transfer agent.
  CHECK(std::get<TxCode>(DrawExecutor(net.view(), 1, net.model(), net.developer_id(0), net.id(5), 0,
                                      0)) == TxCode::kNotServed);
}

TEST_CASE("attempts beyond those who serve the model are refused") {
  NetworkOptions options;
  options.participants = 3;
  TestNetwork net(options);
  net.AllowAll();
  const Job first = net.NewJob(0, 1);
  const Job second = net.NextAttempt(first);
  CHECK(second.executor != first.executor);
  CHECK(std::get<TxCode>(DrawExecutor(net.view(), 0, net.model(), net.developer_id(0), net.id(1), 0,
                                      2)) == TxCode::kNotServed);
  CHECK(std::get<TxCode>(DrawExecutor(net.view(), 0, net.model(), net.developer_id(0), net.id(1), 0,
                                      3)) == TxCode::kWrongAttempt);
}

TEST_CASE("account events with senseless fields are malformed") {
  TestNetwork net;
  const ModelId model = net.model();
  struct Row {
    const char* name;
    Event event;
    TxCode code;
  };
  const Row rows[] = {
      {"to oneself", Transfer{.to = net.id(2), .amount = Amount(1)}, TxCode::kMalformed},
      {"nothing", Transfer{.to = net.id(3), .amount = Amount(0)}, TxCode::kMalformed},
      {"no collateral", DepositCollateral{Amount(0)}, TxCode::kMalformed},
      {"no endpoint", Register{.endpoint = {}, .models = {}}, TxCode::kMalformed},
      {"a model twice", Register{.endpoint = std::string("x"), .models = {model, model}},
       TxCode::kMalformed},
      {"an unknown model", Register{.endpoint = std::string("x"), .models = {ModelId{}}},
       TxCode::kUnknownModel},
      {"a zero chain end", CommitBeacon{Hash{}}, TxCode::kMalformed},
      {"an empty new allowance",
       Allow{.ta = net.id(1), .amount = Amount(0), .expires_epoch = 0, .key_digest = {}},
       TxCode::kMalformed},
      {"a zero key",
       Allow{.ta = net.id(1), .amount = Amount(1), .expires_epoch = 0, .key_digest = Hash{}},
       TxCode::kMalformed},
      {"an allowance for nobody",
       Allow{.ta = AccountId{}, .amount = Amount(1), .expires_epoch = 0, .key_digest = {}},
       TxCode::kUnknownParticipant},
      {"an allowance beyond the balance",
       Allow{.ta = net.id(1), .amount = Amount(10'000'001), .expires_epoch = 0, .key_digest = {}},
       TxCode::kInsufficientBalance},
      {"a vote about nothing", VoteCommit{.case_id = {}, .commitment = {}}, TxCode::kUnknownCase},
      {"a revealed vote about nothing",
       VoteReveal{.case_id = {}, .verdict = Verdict::kPass, .evidence_millinats = 0, .salt = {}},
       TxCode::kUnknownCase},
      {"a verdict about nothing",
       ValidateReveal{.inference = {},
                      .verdict = Verdict::kPass,
                      .evidence_millinats = 0,
                      .scores_root = {},
                      .salt = {}},
       TxCode::kUnknownInference},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    const TxCode code = net.Do(net.participant(2), row.event);
    CHECK_MESSAGE(code == row.code, TxCodeName(code));
  }
}

TEST_CASE("a transaction of another network has no effect") {
  TestNetwork net;
  net.SendTx(SignTx(net.developer(0), NetworkId{}, 0,
                    {Transfer{.to = net.developer_id(1), .amount = Amount(5)}}));
  CHECK(net.MakeBlock() == std::vector<TxCode>{TxCode::kWrongNetwork});
  net.SendTx(SignTx(net.developer(0), net.chain().network, 5'000,
                    {Transfer{.to = net.developer_id(1), .amount = Amount(5)}}));
  CHECK(net.MakeBlock() == std::vector<TxCode>{TxCode::kSequenceTooFar});
  CHECK(net.balance(net.developer_id(1)) == Amount(10'000'000));
}

}  // namespace gonka::ledger
