#include <doctest/doctest.h>

#include <algorithm>

#include "gonka/select/draw.h"
#include "unit/ledger/test_network.h"

namespace gonka::ledger {
namespace {

struct Drawn {
  TestNetwork net;
  Job job;
  std::vector<AccountId> order;

  explicit Drawn(NetworkOptions options = {}) : net(std::move(options)) {
    net.AllowAll();
    job = net.NewJob(0, 1);
    net.Serve(job);
    net.AwaitCheck(job);
    order = ValidatorOrder(net.view(), net.record(job.id));
  }
  InferenceRecord record() const { return net.record(job.id); }
  const KeyPair& validator(size_t place) const {
    return net.participant(net.PlaceOf(order[place]));
  }
  uint32_t MissesOf(size_t place) const {
    return net.standing(0, net.PlaceOf(order[place])).misses_half;
  }
  ValidateReveal Reveal(Verdict verdict, int32_t evidence = 0) const {
    return {.inference = job.id,
            .verdict = verdict,
            .evidence_millinats = evidence,
            .scores_root = {},
            .salt = TaggedHash("test/salt/1", job.id)};
  }
  TxCode Commit(size_t place, const ValidateReveal& reveal) {
    return net.Do(
        validator(place),
        ValidateCommit{.inference = job.id, .commitment = VerdictCommitment(order[place], reveal)});
  }
};

}  // namespace

TEST_CASE("at reputation 0 every answer is checked, by everybody but the executor in turn") {
  Drawn drawn;
  const InferenceRecord record = drawn.record();
  CHECK(record.check_rate == Ppm{1'000'000});
  CHECK(record.check_selected);
  CHECK(record.assigned_height == drawn.net.height());
  REQUIRE(drawn.order.size() == 5);
  CHECK(drawn.order.back() == drawn.net.id(1));  // The transfer agent.
  CHECK(std::find(drawn.order.begin(), drawn.order.end(), drawn.net.id(drawn.job.executor)) ==
        drawn.order.end());
  const CheckDrawn notice = drawn.net.Told<CheckDrawn>().front();
  CHECK(notice.selected);
  CHECK(notice.validators == drawn.order);
  CHECK(ListOpenChecks(drawn.net.view()) == std::vector<InferenceId>{drawn.job.id});
}

TEST_CASE("the check uses the second beacon link after the record was complete") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  net.MakeBlock();
  CHECK(net.record(job.id).check_seed.IsZero());
  net.MakeBlock();
  CHECK(net.record(job.id).check_seed ==
        TaggedHash("gonka/draw/check/1", net.chain().beacon, job.id));
}

TEST_CASE("a pass validates the record and counts for both") {
  Drawn drawn;
  drawn.net.Check(drawn.job, Verdict::kPass, -400);
  CHECK(drawn.record().status == InferenceStatus::kValidated);
  CHECK(drawn.net.standing(0, drawn.job.executor).passes == 1);
  const Standing validator = drawn.net.standing(0, drawn.net.PlaceOf(drawn.order[0]));
  CHECK(validator.checks == 1);
  CHECK(validator.checked_tokens == 50);
  CHECK(validator.misses_half == 0);
  CHECK(ListOpenChecks(drawn.net.view()).empty());
  CHECK(drawn.net.Told<VerdictRevealed>().front().evidence_millinats == -400);
  // There is no second verdict.
  CHECK(drawn.Commit(1, drawn.Reveal(Verdict::kFail)) == TxCode::kAlreadyDone);
}

TEST_CASE("a verdict is revealed in the window after its author's own") {
  Drawn drawn;
  const uint64_t assigned = drawn.record().assigned_height;
  const ValidateReveal reveal = drawn.Reveal(Verdict::kPass);
  ValidateReveal other = reveal;
  other.evidence_millinats = 1;
  REQUIRE(drawn.Commit(0, reveal) == TxCode::kOk);
  CHECK(drawn.record().verdicts[0].reveal_from == assigned + 3);
  CHECK(drawn.net.Do(drawn.validator(0), reveal) == TxCode::kTooEarly);  // assigned + 2
  CHECK(drawn.Commit(0, reveal) == TxCode::kAlreadyDone);                // assigned + 3
  CHECK(drawn.net.Do(drawn.validator(0), other) == TxCode::kCommitmentMismatch);
  drawn.net.MakeBlock();
  CHECK(drawn.net.Do(drawn.validator(0), reveal) == TxCode::kTooLate);  // assigned + 6
  CHECK(drawn.record().status == InferenceStatus::kFinished);
}

TEST_CASE("each validator has one window, then the next may act too") {
  Drawn drawn;
  const uint64_t assigned = drawn.record().assigned_height;
  const ValidateReveal reveal = drawn.Reveal(Verdict::kPass);
  const CheckDuty second = DutyOf(drawn.net.view(), drawn.record(), drawn.order[1], assigned + 1);
  CHECK(second.code == TxCode::kTooEarly);
  CHECK(second.place == 1);
  CHECK(second.from == assigned + 3);
  CHECK(drawn.Commit(1, reveal) == TxCode::kTooEarly);
  drawn.net.RunTo(assigned + 2);
  CHECK(drawn.Commit(1, reveal) == TxCode::kOk);  // In block assigned + 3.
  CHECK(drawn.record().verdicts[0].reveal_from == assigned + 6);
  // The first one was silent through its window, and cannot commit beside the second.
  CHECK(drawn.MissesOf(0) == 2);
  CHECK(drawn.Commit(0, reveal) == TxCode::kTooEarly);
  drawn.net.RunTo(assigned + 6);
  CHECK(drawn.net.Do(drawn.validator(1), reveal) == TxCode::kOk);
  CHECK(drawn.record().status == InferenceStatus::kValidated);
}

TEST_CASE("a late first validator may still act while the others are silent") {
  Drawn drawn;
  const uint64_t assigned = drawn.record().assigned_height;
  const ValidateReveal reveal = drawn.Reveal(Verdict::kPass);
  drawn.net.RunTo(assigned + 6);
  CHECK(drawn.Commit(0, reveal) == TxCode::kOk);
  CHECK(drawn.record().verdicts[0].reveal_from == drawn.net.height() + 1);
  CHECK(drawn.MissesOf(0) == 0);
  CHECK(drawn.MissesOf(1) == 2);  // Its window is over; the third one's is not.
  CHECK(drawn.MissesOf(2) == 0);
  CHECK(drawn.net.Do(drawn.validator(0), reveal) == TxCode::kOk);
  CHECK(drawn.record().status == InferenceStatus::kValidated);
}

TEST_CASE("inconclusive and silence after a commit pass the duty on and are missed duties") {
  Drawn drawn;
  const uint64_t assigned = drawn.record().assigned_height;
  REQUIRE(drawn.Commit(0, drawn.Reveal(Verdict::kInconclusive)) == TxCode::kOk);
  drawn.net.RunTo(assigned + 2);
  REQUIRE(drawn.net.Do(drawn.validator(0), drawn.Reveal(Verdict::kInconclusive)) == TxCode::kOk);
  CHECK(drawn.record().status == InferenceStatus::kFinished);
  CHECK(drawn.MissesOf(0) == 2);
  // The second commits and falls silent.
  REQUIRE(drawn.Commit(1, drawn.Reveal(Verdict::kPass)) == TxCode::kOk);
  const uint64_t reveal_from = drawn.record().verdicts[1].reveal_from;
  drawn.net.RunTo(reveal_from + 1);
  CHECK(drawn.Commit(2, drawn.Reveal(Verdict::kPass)) == TxCode::kTooEarly);
  CHECK(drawn.Commit(2, drawn.Reveal(Verdict::kPass)) == TxCode::kOk);
  drawn.net.RunTo(drawn.record().verdicts[2].reveal_from - 1);
  REQUIRE(drawn.net.Do(drawn.validator(2), drawn.Reveal(Verdict::kPass)) == TxCode::kOk);
  CHECK(drawn.record().status == InferenceStatus::kValidated);
  drawn.net.RunToSettlementOf(0);
  CHECK(drawn.MissesOf(1) == 2);
  CHECK(drawn.MissesOf(2) == 0);
}

TEST_CASE("only those on duty may judge") {
  Drawn drawn;
  const ValidateReveal reveal = drawn.Reveal(Verdict::kPass);
  const ValidateCommit commit{.inference = drawn.job.id, .commitment = {}};
  CHECK(drawn.net.Do(drawn.net.participant(drawn.job.executor), commit) == TxCode::kNotAssigned);
  CHECK(drawn.net.Do(drawn.net.developer(0), commit) == TxCode::kUnknownParticipant);
  CHECK(drawn.net.Do(drawn.validator(0), reveal) == TxCode::kNotAssigned);  // Nothing committed.
  CHECK(drawn.net.Do(drawn.validator(0), ValidateCommit{.inference = {}, .commitment = {}}) ==
        TxCode::kUnknownInference);
}

TEST_CASE("no verdict before the draw") {
  TestNetwork net;
  net.AllowAll();
  const Job job = net.NewJob(0, 1);
  net.Serve(job);
  CHECK(net.Do(net.participant(2), ValidateCommit{.inference = job.id, .commitment = {}}) ==
        TxCode::kTooEarly);
}

TEST_CASE("a rate of a half leaves about half of the answers unchecked") {
  NetworkOptions options;
  options.params.check.rate_max = Ppm{500'000};
  options.params.check.rate_half = Ppm{50'000};
  options.params.check.checks_per_epoch_min = 0;
  TestNetwork net(options);
  net.AllowAll(Amount(1'000'000));
  for (int i = 0; i < 60; ++i) net.Serve(net.NewJob(i % 3, i % 6));
  while (net.chain().draws_pending > 0) net.MakeBlock();
  const std::vector<CheckDrawn> drawn = net.Told<CheckDrawn>();
  REQUIRE(drawn.size() == 60);
  size_t selected = 0;
  for (const CheckDrawn& check : drawn) {
    selected += check.selected ? 1 : 0;
    CHECK(check.selected == !check.validators.empty());
    if (!check.selected) {
      CHECK(net.record(check.inference).status == InferenceStatus::kUnchecked);
      CHECK(ValidatorOrder(net.view(), net.record(check.inference)).empty());
    }
  }
  CHECK(selected > 15);
  CHECK(selected < 45);
}

TEST_CASE("everybody can recompute who executes from the frozen table") {
  TestNetwork net;
  net.AllowAll();
  const EpochTable table = *FindEpoch(net.view(), 0);
  for (int i = 0; i < 20; ++i) {
    const Job job = net.NewJob(0, 2);
    const Request& request = job.assignment.request;
    std::vector<uint64_t> weights;
    for (const Member& member : table.members) {
      weights.push_back(member.id == request.ta ? 0 : member.weight);
    }
    const Hash salt = FindAllowance(net.view(), request.ta, request.developer)->salt;
    for (uint8_t attempt = 0; attempt < kAttemptsMax; ++attempt) {
      const Hash seed = TaggedHash("gonka/draw/executor/1", table.beacon, salt, request.developer,
                                   request.ta, request.sequence, attempt);
      const size_t expected = select::DrawWeighted(seed, weights);
      const auto drawn = DrawExecutor(net.view(), 0, net.model(), request.developer, request.ta,
                                      request.sequence, attempt);
      CHECK(std::get<AccountId>(drawn) == table.members[expected].id);
      weights[expected] = 0;
    }
    net.Serve(job);
  }
}

}  // namespace gonka::ledger
