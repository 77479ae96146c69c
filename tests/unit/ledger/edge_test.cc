// The edges of epochs and networks: whatever comes too early, too late or not at all has a defined
// outcome. After every block the whole state is audited (in MakeBlock).

#include <doctest/doctest.h>

#include <map>

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

size_t MembersOf(const TestNetwork& net, uint64_t epoch) {
  return FindEpoch(net.view(), epoch)->members.size();
}

}  // namespace

TEST_CASE("Start and Finish make one record, whichever is first") {
  std::vector<InferenceRecord> records;
  for (const bool start_first : {true, false}) {
    TestNetwork net;
    net.AllowAll();
    const Job job = net.NewJob(0, 1);
    const Event start = net.StartOf(job);
    const Event finish = net.FinishOf(job, 20, true);
    const KeyPair& ta = net.participant(1);
    const KeyPair& executor = net.participant(job.executor);
    REQUIRE(net.Do(start_first ? ta : executor, start_first ? start : finish) == TxCode::kOk);
    REQUIRE(net.Do(start_first ? executor : ta, start_first ? finish : start) == TxCode::kOk);
    // Once more changes nothing.
    CHECK(net.Do(ta, start) == TxCode::kAlreadyDone);
    CHECK(net.Do(executor, finish) == TxCode::kAlreadyDone);
    records.push_back(net.record(job.id));
    CHECK(records.back().started);
    CHECK(records.back().accepted);
    CHECK(net.chain().totals.held == Amount(100));
    CHECK(net.chain().totals.escrows == Amount(0));
  }
  CHECK(records[0].assignment == records[1].assignment);
  CHECK(records[0].price == records[1].price);
  CHECK(records[0].held == records[1].held);
  CHECK(records[0].check_rate == records[1].check_rate);
  CHECK(records[0].opened_height == records[1].opened_height);
  CHECK(records[0].finish->output_digest == records[1].finish->output_digest);
}

TEST_CASE("a Finish in the grace of its epoch opens a record there, one after it does not") {
  for (const bool in_grace : {true, false}) {
    TestNetwork net;
    net.AllowAll();
    net.RunTo(99);
    const Job job = net.NewJob(0, 1);
    net.RunTo(in_grace ? 103 : 104);
    const TxCode code = net.Do(net.participant(job.executor), net.FinishOf(job, 20, true));
    CHECK(code == (in_grace ? TxCode::kOk : TxCode::kWrongEpoch));
    CHECK(net.epoch() == 1);
    net.RunToSettlementOf(0);
    CHECK(SettledOf(net, 0).records == (in_grace ? 1 : 0));
  }
}

TEST_CASE("a record that was opened in time may be finished until it expires, not after") {
  for (const bool in_time : {true, false}) {
    TestNetwork net;
    net.AllowAll();
    net.RunTo(98);
    const Job job = net.NewJob(0, 1);
    REQUIRE(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kOk);
    const uint64_t expiry = job.assignment.request.expiry_height;
    REQUIRE(expiry > 105);  // Past the grace.
    net.RunTo(in_time ? expiry - 1 : expiry);
    CHECK(net.Do(net.participant(job.executor), net.FinishOf(job)) ==
          (in_time ? TxCode::kOk : TxCode::kExpired));
    CHECK(net.standing(0, job.executor).misses_half == (in_time ? 0 : 2));
    net.RunToSettlementOf(0);
    CHECK(net.record(job.id).settled);
  }
}

TEST_CASE(
    "where links are withheld nothing is drawn: fees go home, nobody is blamed, work goes on") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  const Amount before = net.balance(net.developer_id(0));
  const Hash last_beacon = net.chain().beacon;
  net.WithholdLinks(true);
  net.Serve(job);
  net.RunToSettlementOf(0);
  CHECK(net.record(job.id).status == InferenceStatus::kUnchecked);
  CHECK(net.balance(net.developer_id(0)) == before + Amount(100));
  CHECK(net.standing(0, job.executor).passes == 0);
  for (size_t i = 0; i < net.size(); ++i) CHECK(net.standing(0, i).misses_half == 0);
  // The next epochs have the beacon that there was, and what waits is drawn with the next links.
  CHECK(FindEpoch(net.view(), 1)->beacon == last_beacon);
  const Job later = net.NewJob(0, 1);
  net.Serve(later);
  net.WithholdLinks(false);
  net.AwaitCheck(later);
  net.Check(later, Verdict::kPass);
  net.RunToSettlementOf(1);
  CHECK(net.record(later.id).status == InferenceStatus::kValidated);
  CHECK(FindEpoch(net.view(), 2)->beacon != last_beacon);
}

TEST_CASE("an epoch without work pays all of its emission but what does not divide") {
  TestNetwork net;
  net.RunToSettlementOf(0);
  const EpochSettled settled = SettledOf(net, 0);
  CHECK(settled.records == 0);
  CHECK(settled.paid == Amount(999'996));
  CHECK(settled.treasury == Amount(4));
  CHECK(settled.burned == Amount(0));
}

TEST_CASE("where everybody cheats everybody is convicted, refunded, and nobody is left") {
  TestNetwork net;
  net.AllowAll();
  const Amount before = net.balance(net.developer_id(0));
  std::map<size_t, Job> jobs;  // By executor.
  for (size_t i = 0; jobs.size() < net.size(); ++i) {
    const Job job = net.NewJob(0, i % net.size());
    jobs.emplace(job.executor, job);
  }
  for (const auto& [cheat, job] : jobs) net.Serve(job);
  for (const auto& [cheat, job] : jobs) {
    REQUIRE(net.Do(net.participant(cheat), net.FinishOf(job, 21)) == TxCode::kOk);
  }
  CHECK(net.balance(net.developer_id(0)) == before + Amount(600));
  CHECK(net.Told<Convicted>().size() == net.size());
  net.RunToSettlementOf(0);
  const EpochSettled settled = SettledOf(net, 0);
  CHECK(settled.paid == Amount(0));
  // Emission is burned, since nobody may gain from convicting.
  CHECK(settled.burned == Amount(999'996));
  CHECK(net.chain().totals.held == Amount(0));
  CHECK(MembersOf(net, 1) == 0);
  net.RunToSettlementOf(1);
  CHECK(SettledOf(net, 1).treasury == SettledOf(net, 1).emission);
}

TEST_CASE("one participant earns its emission, and can serve nobody through itself") {
  NetworkOptions options;
  options.participants = 1;
  TestNetwork net(options);
  net.AllowAll();
  const auto drawn = DrawExecutor(net.view(), 0, net.model(), net.developer_id(0), net.id(0), 0, 0);
  REQUIRE(std::holds_alternative<TxCode>(drawn));
  CHECK(std::get<TxCode>(drawn) == TxCode::kNotServed);
  CHECK(FindEpoch(net.view(), 0)->members[0].weight == 100);
  net.RunToSettlementOf(0);
  CHECK(SettledOf(net, 0).paid == Amount(1'000'000));
}

TEST_CASE("of two, each executes for the other and is checked by it") {
  NetworkOptions options;
  options.participants = 2;
  TestNetwork net(options);
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  CHECK(job.executor == 0);
  net.Serve(job);
  net.AwaitCheck(job);
  CHECK(ValidatorOrder(net.view(), net.record(job.id)) == std::vector<AccountId>{net.id(1)});
  net.Check(job, Verdict::kPass);
  net.RunToSettlementOf(0);
  CHECK(net.record(job.id).paid == Amount(100));
}

TEST_CASE("who has no weight is no member: it is not drawn, opens nothing, and earns nothing") {
  NetworkOptions options;
  options.weights = {100, 0, 100, 100, 100, 100};
  TestNetwork net(options);
  net.AllowAll();
  CHECK(MembersOf(net, 0) == 5);
  for (int i = 0; i < 30; ++i) CHECK(net.NewJob(i % 3, 2).executor != 1);
  const auto drawn = DrawExecutor(net.view(), 0, net.model(), net.developer_id(0), net.id(1), 0, 0);
  CHECK(std::get<TxCode>(drawn) == TxCode::kWrongTransferAgent);
  net.RunToSettlementOf(0);
  for (const Paid& paid : net.Told<Paid>()) CHECK(paid.participant != net.id(1));
}

TEST_CASE("where nobody else could check, a newcomer's answer is not even begun") {
  TestNetwork net;
  net.AllowAll();
  for (size_t i = 2; i < net.size(); ++i) {
    REQUIRE(net.Do(net.participant(i), Update{.endpoint = {}, .models = List<ModelId, 16>{}}) ==
            TxCode::kOk);
  }
  REQUIRE(net.Do(net.participant(1), Update{.endpoint = {}, .models = List<ModelId, 16>{}}) ==
          TxCode::kOk);
  net.RunToEpoch(1);
  // Only number 0 serves the model, and it has no reputation.
  const Job job = net.NewJob(0, 1);
  CHECK(job.executor == 0);
  CHECK(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kNobodyToCheck);
}

TEST_CASE("all leave: empty epochs go by, all collateral comes home, and the first may come back") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.AwaitCheck(job);
  net.Check(job, Verdict::kPass);
  for (size_t i = 0; i < net.size(); ++i) {
    REQUIRE(net.Do(net.participant(i), Leave{}) == TxCode::kOk);
  }
  net.RunToSettlementOf(1);
  CHECK(net.record(job.id).paid == Amount(100));
  CHECK(MembersOf(net, 1) == 0);
  CHECK(net.chain().totals.collateral == Amount(0));
  CHECK(net.chain().totals.unbonding == Amount(0));
  CHECK(SettledOf(net, 1).treasury == rewards::Emission(Amount(1'000'000), 1));
  REQUIRE(net.Do(net.participant(2), Register{.endpoint = std::string("http://back"),
                                              .models = {net.model()}}) == TxCode::kOk);
  net.RunToEpoch(net.epoch() + 1);
  CHECK(MembersOf(net, net.epoch()) == 1);
}

}  // namespace gonka::ledger
