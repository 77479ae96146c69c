#include <doctest/doctest.h>

#include <algorithm>

#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

constexpr size_t kCheat = 3;

// Serves so many records by the cheat, whoever asks.
std::vector<Job> ServeByCheat(TestNetwork& net, size_t count) {
  std::vector<Job> jobs;
  while (jobs.size() < count) {
    jobs.push_back(net.JobFor(kCheat, jobs.size() % 3));
    net.Serve(jobs.back());
  }
  return jobs;
}

CaseId HearingOf(uint64_t epoch, const TestNetwork& net) {
  return HearingCase(epoch, net.id(kCheat));
}

NetworkOptions LongEpochs() {
  NetworkOptions options;
  options.params.time.epoch_blocks = 400;
  return options;
}

}  // namespace

TEST_CASE("a cheat is accused, heard, convicted; everyone it served is refunded and told") {
  TestNetwork net(LongEpochs());
  net.AllowAll(Amount(1'000'000));
  const std::vector<Job> jobs = ServeByCheat(net, 6);
  // One of them was found good before; that one is not refunded.
  net.AwaitCheck(jobs[5]);
  net.Check(jobs[5], Verdict::kPass);
  std::map<AccountId, Amount> owed;
  std::map<AccountId, Amount> before;
  for (const Job& job : jobs) {
    if (job.id != jobs[5].id) owed[net.developer_id(job.developer)] += net.record(job.id).held;
  }
  for (const auto& [developer, amount] : owed) before[developer] = net.balance(developer);

  const Job caught = net.JobFor(kCheat, 0);
  owed[net.developer_id(0)] += Amount(100);
  net.Disgrace(caught);
  CHECK(net.Told<HearingOpened>().front().accused == net.id(kCheat));
  net.AwaitCase(HearingOf(0, net));
  const Case hearing = *FindCase(net.view(), HearingOf(0, net));
  CHECK(hearing.records.size() == 4);
  CHECK(std::find(hearing.records.begin(), hearing.records.end(), caught.id) ==
        hearing.records.end());
  CHECK(hearing.ballots.size() == 5);  // All who serve the model but the accused.
  net.Vote(HearingOf(0, net), Verdict::kFail, 12'000);

  const HearingDecided decided = net.Told<HearingDecided>().front();
  CHECK(decided.convicted);
  CHECK(decided.confirming_weight == decided.eligible_weight);
  const Convicted convicted = net.Told<Convicted>().front();
  CHECK(convicted.accused == net.id(kCheat));
  CHECK(convicted.cause == ConvictionCause::kEvidence);
  CHECK(convicted.slashed == Amount(200'000));
  CHECK_FALSE(convicted.removed);
  CHECK(net.participant_record(kCheat).reputation == Ppm{0});
  CHECK(net.participant_record(kCheat).collateral == Amount(800'000));
  CHECK(net.chain().totals.burned == Amount(200'000));
  for (const auto& [developer, amount] : owed) {
    CHECK(net.balance(developer) == before[developer] + amount);
  }
  for (const Job& job : jobs) {
    const bool good = job.id == jobs[5].id;
    CHECK(net.record(job.id).status ==
          (good ? InferenceStatus::kValidated : InferenceStatus::kInvalidated));
    CHECK(net.record(job.id).held == Amount(good ? 100 : 0));
  }
  // Each refund once.
  std::map<InferenceId, int> refunds;
  for (const Refunded& refunded : net.Told<Refunded>()) ++refunds[refunded.inference];
  for (const Job& job : jobs) CHECK(refunds[job.id] == (job.id == jobs[5].id ? 0 : 1));
  CHECK(refunds[caught.id] == 1);

  // What it still answers in this epoch is free.
  const Job later = net.JobFor(kCheat, 1);
  net.Serve(later);
  CHECK(net.record(later.id).status == InferenceStatus::kInvalidated);
  CHECK(net.record(later.id).refunded == Amount(100));

  // The rest is forfeited at settlement, and its weight stays in the denominator.
  net.RunToSettlementOf(0);
  for (const Paid& paid : net.Told<Paid>()) {
    if (paid.participant != net.id(kCheat)) continue;
    CHECK(paid.executor_fees == Amount(0));
    CHECK(paid.emission == Amount(0));
  }
  Amount forfeited;
  for (const Withheld& withheld : net.Told<Withheld>()) {
    if (withheld.participant == net.id(kCheat) && withheld.reason == WithholdReason::kConviction) {
      forfeited += withheld.amount;
    }
  }
  // A sixth of the emission, and the executor's part of the one good answer.
  CHECK(forfeited >= Amount(166'666 + 80));
  CHECK(net.chain().totals.burned >= Amount(200'000 + 166'666 + 80));
}

TEST_CASE("one odd answer never convicts: a hearing without a majority acquits") {
  struct Row {
    const char* name;
    size_t confirming;  // Of five equal votes.
    int32_t evidence;
    bool convicted;
  };
  const Row rows[] = {
      {"nobody confirms", 0, 12'000, false},
      {"two of five", 2, 12'000, false},
      {"three of five", 3, 12'000, true},
      {"three, but too little evidence", 3, 9'210, false},
      {"three, just enough evidence", 3, 9'211, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    TestNetwork net(LongEpochs());
    net.AllowAll(Amount(1'000'000));
    ServeByCheat(net, 4);
    net.Disgrace(net.JobFor(kCheat, 0));
    const CaseId id = HearingOf(0, net);
    net.AwaitCase(id);
    const Case hearing = *FindCase(net.view(), id);
    std::vector<std::pair<size_t, VoteReveal>> votes;
    for (size_t i = 0; i < hearing.ballots.size(); ++i) {
      const AccountId voter = hearing.ballots[i].voter;
      const VoteReveal vote{.case_id = id,
                            .verdict = i < row.confirming ? Verdict::kFail : Verdict::kPass,
                            .evidence_millinats = row.evidence,
                            .salt = {}};
      votes.push_back({net.PlaceOf(voter), vote});
      net.Send(net.participant(net.PlaceOf(voter)),
               {VoteCommit{.case_id = id, .commitment = VoteCommitment(voter, vote)}});
    }
    net.MakeBlock();
    for (const auto& [voter, vote] : votes) net.Send(net.participant(voter), {vote});
    net.MakeBlock();
    CHECK(FindCase(net.view(), id)->decided);
    CHECK(net.Told<Convicted>().size() == (row.convicted ? 1 : 0));
  }
}

TEST_CASE("silence in a hearing counts against conviction") {
  TestNetwork net(LongEpochs());
  net.AllowAll(Amount(1'000'000));
  ServeByCheat(net, 4);
  net.Disgrace(net.JobFor(kCheat, 0));
  const CaseId id = HearingOf(0, net);
  net.AwaitCase(id);
  const uint64_t until = FindCase(net.view(), id)->commit_until;
  CHECK(until == net.height() + 6);
  net.RunTo(until);
  CHECK(FindCase(net.view(), id)->decided);  // Nobody committed: nothing is left to wait for.
  CHECK(net.Told<Convicted>().empty());
}

TEST_CASE("a hearing with too few answers waits for more, at most to the end of the epoch") {
  for (const bool more_come : {true, false}) {
    TestNetwork net(LongEpochs());
    net.AllowAll(Amount(1'000'000));
    net.Disgrace(net.JobFor(kCheat, 0));
    const CaseId id = HearingOf(0, net);
    net.MakeBlocks(5);
    CHECK_FALSE(FindCase(net.view(), id)->drawn);
    if (more_come) {
      ServeByCheat(net, 4);
      net.AwaitCase(id);
      CHECK(net.epoch() == 0);
      CHECK(FindCase(net.view(), id)->records.size() == 4);
    } else {
      ServeByCheat(net, 2);
      net.RunTo(405);
      CHECK_FALSE(FindCase(net.view(), id)->drawn);
      net.AwaitCase(id);
      CHECK(net.height() == 407);  // The second link after the end of grace.
      CHECK(FindCase(net.view(), id)->records.size() >= 2);
    }
  }
}

TEST_CASE("a hearing over nothing ends at once, without conviction") {
  TestNetwork net;
  net.AllowAll(Amount(1'000'000));
  net.Disgrace(net.JobFor(kCheat, 0));
  const std::vector<Job> none;
  net.RunTo(110);
  const HearingDecided decided = net.Told<HearingDecided>().front();
  const bool alone = net.standing(0, kCheat).executed == 1;
  if (alone) CHECK_FALSE(decided.convicted);
  CHECK(net.Told<Convicted>().empty());
}

TEST_CASE("no developer and no transfer agent fills a sample, where there are three or more") {
  struct Row {
    std::vector<size_t> developers;  // Of the answers before the one that is found false.
    uint32_t sample;
    size_t drawn;
    size_t most;  // To one developer.
  };
  // A third of the sample, rounded up. The last answer is developer 0's and no part of the sample.
  const Row rows[] = {{{0, 0, 0, 0, 0, 0, 0, 1, 2}, 4, 4, 2},
                      {{0, 0, 0, 0, 0, 0, 0, 0, 1, 2}, 9, 5, 3},
                      {{0, 0, 0, 0, 0, 0, 0, 0, 1, 1}, 4, 4, 4}};  // Two: anybody may fill it.
  for (const Row& row : rows) {
    NetworkOptions options = LongEpochs();
    options.params.check.hearing_sample = row.sample;
    TestNetwork net(options);
    net.AllowAll(Amount(1'000'000));
    for (const size_t developer : row.developers) net.Serve(net.JobFor(kCheat, developer));
    net.Disgrace(net.JobFor(kCheat, 0));
    net.AwaitCase(HearingOf(0, net));
    const Case hearing = *FindCase(net.view(), HearingOf(0, net));
    std::map<AccountId, size_t> developers;
    std::map<AccountId, size_t> agents;
    for (const InferenceId& id : hearing.records) {
      ++developers[net.record(id).assignment.request.developer];
      ++agents[net.record(id).assignment.request.ta];
    }
    CAPTURE(row.sample);
    CHECK(hearing.records.size() <= row.drawn);
    CHECK(hearing.records.size() >= 3);
    for (const auto& [developer, count] : developers) CHECK(count <= row.most);
    if (row.most == row.drawn) continue;
    for (const auto& [agent, count] : agents) CHECK(count <= row.most);
  }
}

TEST_CASE("where the epoch has too few answers the sample takes those of the one before") {
  NetworkOptions options = LongEpochs();
  options.params.time.settle_blocks = 300;
  TestNetwork net(options);
  net.AllowAll(Amount(1'000'000));
  const std::vector<Job> earlier = ServeByCheat(net, 4);
  net.RunToEpoch(1);
  net.Disgrace(net.JobFor(kCheat, 0));
  // Wait for the hearing of epoch 1, at its end; epoch 0 is settled by then.
  CHECK(net.epoch() == 1);
  net.RunTo(807);
  const Case late = *FindCase(net.view(), HearingOf(1, net));
  CHECK(late.drawn);
  for (const InferenceId& id : late.records) {
    CHECK(net.record(id).assignment.request.epoch == 1);
  }
}

TEST_CASE("an alarm opens a hearing only where no single party supplies the evidence alone") {
  struct Row {
    const char* name;
    size_t developers;  // Who ask the cheat.
    bool alarmed;
  };
  // 3,900 millinats an answer, eight answers: 31,200 in all, the bar is 13,816. With three
  // developers each counts for 4,606 at most.
  const Row rows[] = {{"three developers", 3, true}};
  for (const Row& row : rows) {
    CAPTURE(row.name);
    NetworkOptions options = LongEpochs();
    options.params.time.vote_window_blocks = 300;  // The disputes themselves stay open.
    options.params.time.settle_blocks = 350;
    TestNetwork net(options);
    net.AllowAll(Amount(1'000'000));
    const std::vector<Job> jobs = ServeByCheat(net, 14);
    for (const Job& job : jobs) {
      if (net.standing(0, kCheat).alarmed) break;
      net.AwaitCheck(job);
      const std::vector<AccountId> order = ValidatorOrder(net.view(), net.record(job.id));
      // Whoever is on duty by now.
      for (const AccountId& validator : order) {
        const CheckDuty duty = DutyOf(net.view(), net.record(job.id), validator, net.height() + 1);
        if (duty.code != TxCode::kOk) continue;
        const ValidateReveal reveal{.inference = job.id,
                                    .verdict = Verdict::kFail,
                                    .evidence_millinats = 99'000,  // Clipped.
                                    .scores_root = {},
                                    .salt = {}};
        const KeyPair& key = net.participant(net.PlaceOf(validator));
        REQUIRE(net.Do(key, ValidateCommit{.inference = job.id,
                                           .commitment = VerdictCommitment(validator, reveal)}) ==
                TxCode::kOk);
        net.RunTo(net.record(job.id).verdicts[0].reveal_from - 1);
        REQUIRE(net.Do(key, reveal) == TxCode::kOk);
        break;
      }
    }
    CHECK(net.Told<VerdictRevealed>().front().evidence_millinats == 3'912);
    CHECK(net.standing(0, kCheat).alarmed == row.alarmed);
    CHECK(net.Told<HearingOpened>().size() == 1);
    // Four verdicts would pass the bar, but not where each party counts for a third of it.
    CHECK(net.Told<VerdictRevealed>().size() > 4);
    CHECK(net.Told<DisputeDecided>().empty());
  }
}

TEST_CASE("a dispute that was open when its executor was convicted only decides about the bond") {
  NetworkOptions options = LongEpochs();
  options.params.time.vote_window_blocks = 100;
  TestNetwork net(options);
  net.AllowAll(Amount(1'000'000));
  const Job disputed = net.JobFor(kCheat, 0);
  net.Serve(disputed);
  net.AwaitCheck(disputed);
  const size_t accuser = net.PlaceOf(ValidatorOrder(net.view(), net.record(disputed.id)).front());
  net.Check(disputed, Verdict::kFail, 1'000);
  net.AwaitCase(DisputeCase(disputed.id));
  // Two outputs of another answer convict meanwhile.
  const Job fraud = net.JobFor(kCheat, 1);
  Delivered delivered = net.DeliveredOf(fraud);
  delivered.output_digest = Hash{};
  delivered.executor_signature =
      net.participant(kCheat).Sign(DeliverySigningHash(fraud.id, Hash{}, delivered.output_tokens));
  net.Send(net.participant(fraud.ta), {net.StartOf(fraud), delivered});
  net.Send(net.participant(kCheat), {net.FinishOf(fraud)});
  net.MakeBlock();
  REQUIRE(net.Told<Convicted>().size() == 1);
  CHECK(net.record(disputed.id).status == InferenceStatus::kInvalidated);
  CHECK(net.record(disputed.id).refunded == Amount(100));
  while (!FindCase(net.view(), DisputeCase(disputed.id))->decided) net.MakeBlock();
  CHECK(net.record(disputed.id).refunded == Amount(100));
  CHECK(net.participant_record(accuser).collateral == Amount(1'000'000));
}

TEST_CASE("who was removed may do nothing any more") {
  TestNetwork net;
  net.AllowAll();
  const Job fraud = net.JobFor(kCheat, 1);
  Delivered delivered = net.DeliveredOf(fraud);
  delivered.output_digest = Hash{};
  delivered.executor_signature =
      net.participant(kCheat).Sign(DeliverySigningHash(fraud.id, Hash{}, delivered.output_tokens));
  net.Send(net.participant(fraud.ta), {net.StartOf(fraud), delivered});
  net.Send(net.participant(kCheat), {net.FinishOf(fraud)});
  net.MakeBlock();
  REQUIRE(net.participant_record(kCheat).removed);
  const KeyPair& removed = net.participant(kCheat);
  const Job as_ta = net.NewJob(0, kCheat);
  CHECK(net.Do(removed, net.StartOf(as_ta)) == TxCode::kRemoved);
  CHECK(net.Do(removed, Register{.endpoint = std::string("x"), .models = {}}) == TxCode::kRemoved);
  CHECK(net.Do(removed, DepositCollateral{Amount(5)}) == TxCode::kRemoved);
  CHECK(net.Do(net.developer(0), Allow{.ta = net.id(kCheat),
                                       .amount = Amount(5),
                                       .expires_epoch = 9,
                                       .key_digest = {}}) == TxCode::kRemoved);
  // Whoever drew it skips it without blame.
  for (size_t sequence = 0; sequence < 40; ++sequence) {
    const Job job = net.NewJob(0, 1);
    if (job.executor != kCheat) {
      net.Serve(job);
      continue;
    }
    CHECK(net.Do(net.participant(1), net.StartOf(job)) == TxCode::kRemoved);
    const uint32_t before = net.standing(net.epoch(), 1).misses_half;
    CHECK(net.Do(net.participant(1), net.StartOf(net.NextAttempt(job))) == TxCode::kOk);
    CHECK(net.standing(net.epoch(), 1).misses_half == before);
    break;
  }
}

TEST_CASE("repeated conviction removes") {
  NetworkOptions options = LongEpochs();
  options.params.reputation.convictions_to_remove = 2;
  TestNetwork net(options);
  net.AllowAll(Amount(1'000'000));
  for (uint64_t epoch = 0; epoch < 2; ++epoch) {
    net.RunToEpoch(epoch);
    ServeByCheat(net, 4);
    net.Disgrace(net.JobFor(kCheat, 0));
    net.AwaitCase(HearingOf(epoch, net));
    net.Vote(HearingOf(epoch, net), Verdict::kFail, 12'000);
    REQUIRE(net.Told<Convicted>().size() == epoch + 1);
    CHECK(net.Told<Convicted>().back().removed == (epoch == 1));
  }
  CHECK(net.participant_record(kCheat).collateral == Amount(640'000));
  net.RunToEpoch(2);
  CHECK(FindEpoch(net.view(), 2)->members.size() == 5);
}

}  // namespace gonka::ledger
