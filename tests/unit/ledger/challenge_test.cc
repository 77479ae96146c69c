#include <doctest/doctest.h>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

// A finished record of developer 0, not checked yet.
struct Served {
  TestNetwork net;
  Job job;

  explicit Served(NetworkOptions options = Options()) : net(std::move(options)) {
    net.AllowAll();
    job = net.NewJob(0, 1);
    net.Serve(job);
  }
  static NetworkOptions Options() {
    NetworkOptions options{.participants = 8};
    options.params.money.challenge_bond = Amount(700);
    return options;
  }
  TxCode Challenge() { return net.Do(net.developer(0), gonka::Challenge{job.id}); }
  CaseId id() const { return DisputeCase(job.id); }
  Amount balance() const { return net.balance(net.developer_id(0)); }
  InferenceRecord record() const { return net.record(job.id); }
};

}  // namespace

TEST_CASE("a challenge opens a dispute against a bond of the record's cost and more") {
  Served served;
  const Amount before = served.balance();
  REQUIRE(served.Challenge() == TxCode::kOk);
  CHECK(served.record().status == InferenceStatus::kDisputed);
  CHECK(served.balance() == before - Amount(800));
  CHECK(FindCase(served.net.view(), served.id())->bond == Amount(800));
  CHECK(served.net.Told<DisputeOpened>().front().cause == DisputeCause::kChallenge);
  CHECK(served.net.Told<DisputeOpened>().front().accuser == served.net.developer_id(0));
  CHECK(served.Challenge() == TxCode::kAlreadyDone);

  SUBCASE("upheld: bond and cost come back") {
    served.net.AwaitCase(served.id());
    served.net.Vote(served.id(), Verdict::kFail);
    CHECK(served.balance() == before + Amount(100));
    CHECK(served.record().status == InferenceStatus::kInvalidated);
    CHECK(served.net.Told<HearingOpened>().size() == 1);
    CHECK(served.net.Told<Penalised>().empty());
  }
  SUBCASE("rejected: the bond is the treasury's and the executor is paid") {
    served.net.AwaitCase(served.id());
    served.net.Vote(served.id(), Verdict::kPass);
    CHECK(served.balance() == before - Amount(800));
    CHECK(served.record().status == InferenceStatus::kValidated);
    CHECK(served.net.chain().totals.treasury == Amount(800));
    CHECK(served.net.Told<Penalised>().front().reason == PenaltyReason::kRejectedChallenge);
    CHECK(served.net.standing(0, served.job.executor).passes == 1);
    CHECK(served.Challenge() == TxCode::kAlreadyDone);
  }
  SUBCASE("undecided: bond and cost come back, nobody is blamed") {
    while (!FindCase(served.net.view(), served.id())->decided) served.net.MakeBlock();
    CHECK(served.balance() == before + Amount(100));
    CHECK(served.net.Told<HearingOpened>().empty());
    CHECK(served.Challenge() == TxCode::kAlreadyDone);
  }
  CHECK(served.net.standing(0, served.job.executor).misses_half == 0);
}

TEST_CASE("a challenge in the middle of a check blames no validator") {
  Served served;
  served.net.AwaitCheck(served.job);
  const AccountId validator = ValidatorOrder(served.net.view(), served.record()).front();
  const KeyPair& key = served.net.participant(served.net.PlaceOf(validator));
  REQUIRE(served.net.Do(key, ValidateCommit{.inference = served.job.id, .commitment = Hash{}}) ==
          TxCode::kOk);
  REQUIRE(served.Challenge() == TxCode::kOk);
  CHECK(ListOpenChecks(served.net.view()).empty());
  served.net.AwaitCase(served.id());
  served.net.Vote(served.id(), Verdict::kPass);
  served.net.RunToSettlementOf(0);
  CHECK(served.net.standing(0, served.net.PlaceOf(validator)).misses_half == 0);
}

TEST_CASE("a challenge that overturns a pass costs the pass's author") {
  Served served;
  served.net.AwaitCheck(served.job);
  const AccountId author = ValidatorOrder(served.net.view(), served.record()).front();
  served.net.Check(served.job, Verdict::kPass);
  REQUIRE(served.Challenge() == TxCode::kOk);
  served.net.AwaitCase(served.id());
  served.net.Vote(served.id(), Verdict::kFail);
  REQUIRE(served.net.Told<Penalised>().size() == 1);
  CHECK(served.net.Told<Penalised>().front().who == author);
  CHECK(served.net.standing(0, served.job.executor).passes == 0);
}

TEST_CASE("a challenge is for the record's developer, about an answer, in time, bounded, bonded") {
  Served served;
  TestNetwork& net = served.net;
  CHECK(net.Do(net.developer(1), Challenge{served.job.id}) == TxCode::kWrongDeveloper);
  CHECK(net.Do(net.developer(0), Challenge{InferenceId{}}) == TxCode::kUnknownInference);
  const Job open = net.NewJob(0, 2);
  REQUIRE(net.Do(net.participant(2), net.StartOf(open)) == TxCode::kOk);
  CHECK(net.Do(net.developer(0), Challenge{open.id}) == TxCode::kTooEarly);
  net.RunTo(open.assignment.request.expiry_height);
  CHECK(net.Do(net.developer(0), Challenge{open.id}) == TxCode::kExpired);

  // Two links, three times to commit, one to reveal: what comes later would end undecided.
  const uint64_t settled = 160;
  net.RunTo(settled - 2 - 4 * 4 - 1);
  CHECK(served.Challenge() == TxCode::kTooLate);
  net.RunToSettlementOf(0);
  CHECK(served.Challenge() == TxCode::kTooLate);

  NetworkOptions poor = Served::Options();
  poor.params.money.challenge_bond = Amount(10'000'000);
  CHECK(Served(poor).Challenge() == TxCode::kInsufficientBalance);

  NetworkOptions none = Served::Options();
  none.params.check.challenges_in_flight_max = 1;
  Served bounded(none);
  const Job second = bounded.net.NewJob(0, 2);
  bounded.net.Serve(second);
  REQUIRE(bounded.Challenge() == TxCode::kOk);
  CHECK(bounded.net.Do(bounded.net.developer(0), Challenge{second.id}) == TxCode::kQuotaExceeded);
}

TEST_CASE("the last challenge that is taken is decided before settlement, whoever is silent") {
  Served served;
  served.net.RunTo(160 - 2 - 4 * 4 - 2);
  REQUIRE(served.Challenge() == TxCode::kOk);
  served.net.RunTo(159);
  CHECK(FindCase(served.net.view(), served.id())->decided);
}

}  // namespace gonka::ledger
