// What becomes of those who cheat, are lazy or withhold, and of those who do not.

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {
namespace {

using ledger::InferenceStatus;

TEST_CASE("who runs another model fails, is heard and convicted; developers are refunded") {
  constexpr size_t kCheat = 1;
  SimWorld world({.sim_seed = 21, .participants = 6});
  world.SetConduct(kCheat, {{.strategy = "other_model"}});
  world.RunToEpoch(1);
  std::vector<InferenceId> asked;
  for (int i = 0; i < 7; ++i) {
    asked.push_back(world.Ask("trust me", {.developer = i % 2u, .executor = kCheat}));
    REQUIRE(world.AnswerTo(asked.back()).ok());
  }
  REQUIRE_MESSAGE(
      world.RunUntil([&] { return !world.Told<Convicted>().empty(); }, 5 * SimWorld::kMinuteUs),
      world.Log());
  const Convicted convicted = world.Told<Convicted>()[0];
  CHECK(convicted.accused == world.participant(kCheat));
  CHECK(convicted.cause == ConvictionCause::kEvidence);
  CHECK(convicted.slashed > Amount(0));
  CHECK_FALSE(convicted.removed);

  world.RunToSettlementOf(convicted.epoch);
  for (const InferenceId& id : asked) {
    const auto record = world.Record(id);
    CHECK(record.status == InferenceStatus::kInvalidated);
    CHECK(record.paid == Amount(0));
    CHECK(record.refunded > Amount(0));
  }
  for (const Paid& paid : world.Told<Paid>()) {
    if (paid.epoch != convicted.epoch || paid.participant != convicted.accused) continue;
    CHECK(paid.executor_fees + paid.ta_fees + paid.validator_fees + paid.emission == Amount(0));
  }
  const auto withheld = world.Told<Withheld>();
  CHECK(std::any_of(withheld.begin(), withheld.end(), [&](const Withheld& entry) {
    return entry.participant == convicted.accused && entry.epoch == convicted.epoch &&
           entry.reason == WithholdReason::kConviction && entry.amount > Amount(0);
  }));
  CHECK(ledger::FindParticipant(*world.Ledger(), convicted.accused)->reputation == Ppm{0});
  CHECK(world.Told<Convicted>().size() == 1);
  world.CheckInvariants();
}

TEST_CASE("a validator with another model accuses honest work: the committee rejects it") {
  constexpr size_t kLiar = 2;
  SimWorld world({.sim_seed = 22, .participants = 6});
  world.SetConduct(kLiar, {{.strategy = "other_model"}});
  // Others execute until the liar is drawn as the validator.
  InferenceId accused;
  for (int i = 0; i < 40 && world.Told<DisputeOpened>().empty(); ++i) {
    accused = world.Ask("honest work", {.executor = i % 2 == 0 ? 0u : 3u});
    REQUIRE(world.AnswerTo(accused).ok());
    world.RunBlocks(1);
  }
  REQUIRE(world.RunUntil([&] { return !world.Told<DisputeDecided>().empty(); }));
  const DisputeOpened dispute = world.Told<DisputeOpened>()[0];
  CHECK(dispute.accuser == world.participant(kLiar));
  CHECK(world.Told<DisputeDecided>()[0].outcome == DisputeOutcome::kRejected);
  CHECK(world.Record(dispute.inference).status == InferenceStatus::kValidated);
  world.RunToSettlementOf(world.Record(dispute.inference).assignment.request.epoch);
  CHECK(world.Told<Convicted>().empty());
  world.CheckInvariants();
}

TEST_CASE("committee members that are gone are replaced, and the dispute is decided all the same") {
  SimWorld world({.sim_seed = 49,
                  .participants = 12,
                  .conduct = {{2, {{.strategy = "other_model"}}}},
                  .balance = Amount(20'000'000)});
  const InferenceId id = world.Ask("who decides?", {.executor = 2});
  REQUIRE(world.AnswerTo(id).ok());
  REQUIRE(world.RunUntil([&] { return !world.Told<CommitteeDrawn>().empty(); }));
  const CommitteeDrawn first = world.Told<CommitteeDrawn>().front();
  std::set<AccountId> gone;
  for (const AccountId& member : first.seats) {
    if (gone.size() == 2 || world.PlaceOf(member) == world.sequencer()) continue;
    gone.insert(member);
    world.Crash(world.PlaceOf(member));
  }
  REQUIRE(gone.size() == 2);
  REQUIRE(world.RunUntil([&] { return !world.Told<DisputeDecided>().empty(); }));
  CHECK(world.Told<DisputeDecided>().front().outcome == DisputeOutcome::kUpheld);
  CHECK(world.Told<DisputeDecided>().front().fail_seats == first.seats.size());
  CHECK(world.Told<CommitteeDrawn>().size() >= 2);
  for (const VoteRevealed& vote : world.Told<VoteRevealed>())
    CHECK_FALSE(gone.contains(vote.voter));
  world.CheckInvariants();
}

TEST_CASE("who signs two outputs is convicted and removed at once") {
  constexpr size_t kCheat = 3;
  SimWorld world({.sim_seed = 23});
  world.SetConduct(kCheat, {{.strategy = "tampers"}});
  const InferenceId id = world.Ask("what did I pay for?", {.executor = kCheat});
  REQUIRE(world.AnswerTo(id).ok());
  const uint64_t before = world.height();
  REQUIRE(world.RunUntil([&] { return !world.Told<Convicted>().empty(); }));
  CHECK(world.height() <= before + 4);
  CHECK(world.Told<Convicted>()[0].accused == world.participant(kCheat));
  CHECK(world.Told<Convicted>()[0].cause == ConvictionCause::kTwoOutputs);
  CHECK(world.Told<Convicted>()[0].removed);
  CHECK(world.Record(id).status == InferenceStatus::kInvalidated);
  CHECK(world.Record(id).refunded > Amount(0));
  world.CheckInvariants();
}

TEST_CASE("a payload that the executor withholds comes from the transfer agent") {
  constexpr size_t kMean = 0;
  SimWorld world({.sim_seed = 24});
  world.SetConduct(kMean, {{.strategy = "withholds_payload"}});
  const InferenceId id = world.Ask("show me", {.executor = kMean});
  REQUIRE(world.AnswerTo(id).ok());
  CHECK(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  CHECK(world.Told<DisputeOpened>().empty());
}

TEST_CASE("where executor and transfer agent withhold, the developer is refunded") {
  SimWorld world({.sim_seed = 25, .participants = 7});
  for (const size_t place : {0u, 1u}) world.SetConduct(place, {{.strategy = "withholds_payload"}});
  const InferenceId id = world.Ask("show me", {.ta = 0, .executor = 1});
  REQUIRE(world.AnswerTo(id).ok());
  REQUIRE_MESSAGE(
      world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kInvalidated; },
                     3 * SimWorld::kMinuteUs),
      world.Log());
  CHECK(world.Record(id).refunded > Amount(0));
  CHECK(world.Told<Convicted>().empty());
  world.CheckInvariants();
}

TEST_CASE("nobody off duty can fetch a payload, nor those on duty once they are not") {
  SimWorld world({.sim_seed = 26, .participants = 7});
  const InferenceId id = world.Ask("between us", {.tokens_max = 8});
  REQUIRE(world.AnswerTo(id).ok());
  REQUIRE(world.RunUntil([&] { return !world.ValidatorsOf(id).empty(); }));
  world.RunFor(100'000);  // Until the others have that block, too.
  const std::vector<size_t> order = world.ValidatorsOf(id);
  const size_t executor = world.ExecutorOf(id);
  const Bytes query = Encode(node::InferenceQuery{.inference = id});
  const auto ask = [&](size_t who) {
    return world.Call(who, executor, node::kPayloadMethod, query).status();
  };
  CHECK(ask(order[0]).ok());
  CHECK(absl::IsPermissionDenied(ask(order[2])));
  CHECK(absl::IsPermissionDenied(ask(order[3])));
  CHECK(ask(world.TransferAgentOf(id)).ok());
  // An opening needs the caller's own signature over its own scores.
  const node::OpenArtifact unsigned_scores{
      .inference = id, .scores_root = {}, .signature = {}, .leaves = {0}};
  CHECK(absl::IsPermissionDenied(
      world.Call(order[0], executor, node::kOpenMethod, Encode(unsigned_scores)).status()));
  CHECK(absl::IsInvalidArgument(
      world.Call(order[0], executor, node::kPayloadMethod, {1, 2, 3}).status()));
  CHECK(absl::IsUnimplemented(world.Call(order[0], executor, "gossip", query).status()));
  world.RunToSettlementOf(0);
  world.RunFor(100'000);
  CHECK(absl::IsPermissionDenied(ask(order[0])));
}

TEST_CASE("a payload is kept until one epoch after settlement, then forgotten") {
  SimWorld world({.sim_seed = 27});
  const InferenceId id = world.Ask("for how long?", {.tokens_max = 4});
  REQUIRE(world.AnswerTo(id).ok());
  world.RunToSettlementOf(0);
  CHECK(world.Keeps(world.ExecutorOf(id), id));
  CHECK(world.Keeps(world.TransferAgentOf(id), id));
  world.RunToSettlementOf(1);
  world.RunBlocks(1);
  CHECK_FALSE(world.Keeps(world.ExecutorOf(id), id));
  CHECK_FALSE(world.Keeps(world.TransferAgentOf(id), id));
}

TEST_CASE("a validator that is silent is replaced by its substitute, and has missed a duty") {
  constexpr size_t kAwake = 0;
  const std::vector<Conduct> asleep = {{.strategy = "never_checks"}};
  SimWorld world({.sim_seed = 28, .conduct = {{1, asleep}, {2, asleep}, {3, asleep}, {4, asleep}}});
  const InferenceId id = world.Ask("who looks?", {.ta = 1, .executor = 2});
  REQUIRE(world.AnswerTo(id).ok());
  REQUIRE(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  CHECK(world.Record(id).verdicts[0].validator == world.participant(kAwake));
  for (const size_t place : world.ValidatorsOf(id)) {
    if (place == kAwake) break;
    const auto standing = ledger::FindStanding(*world.Ledger(), 0, world.participant(place));
    REQUIRE(standing.has_value());
    CHECK(standing->misses_half >= 2);  // More where requests on the way there were checked, too.
    CHECK(standing->misses_half % 2 == 0);
  }
}

TEST_CASE("a pass is checked once more, by a validator that had no part in the first check") {
  SimOptions options{.sim_seed = 30};
  options.params.check.recheck_rate = Ppm{1'000'000};
  SimWorld world(options);
  const InferenceId id = world.Ask("twice?", {.tokens_max = 8});
  REQUIRE(world.AnswerTo(id).ok());
  REQUIRE_MESSAGE(world.RunUntil([&] { return world.Told<VerdictRevealed>().size() == 2; }),
                  world.Log());
  const auto verdicts = world.Told<VerdictRevealed>();
  CHECK(verdicts[0].verdict == Verdict::kPass);
  CHECK(verdicts[1].verdict == Verdict::kPass);
  CHECK(verdicts[0].validator != verdicts[1].validator);
  CHECK(world.Told<RecheckDrawn>().size() == 1);
  CHECK(world.Record(id).status == InferenceStatus::kValidated);
  world.CheckInvariants();
}

TEST_CASE("hundreds of honest answers: all pass, nobody is accused, all is paid") {
  SimWorld world({.sim_seed = 29, .participants = 6});
  size_t asked = 0;
  while (world.epoch() < 3) {
    for (size_t i = 0; i < 2; ++i) {
      world.Post("honest", {.developer = asked % 2, .tokens_max = 10});
      ++asked;
    }
    world.RunBlocks(1);
  }
  world.RunToSettlementOf(3);
  CHECK(asked > 300);
  std::set<InferenceId> not_drawn;  // With reputation, not every answer is checked any more.
  for (const CheckDrawn& drawn : world.Told<CheckDrawn>()) {
    if (!drawn.selected) not_drawn.insert(drawn.inference);
  }
  CHECK(not_drawn.size() < asked / 10);
  size_t answered = 0;
  size_t validated = 0;
  for (size_t i = 0; i < asked; ++i) {
    const SimRequest& request = world.request(i);
    if (!request.answer.has_value() || !request.answer->ok()) continue;
    ++answered;
    const auto settled = ledger::FindSettledRecord(*world.Ledger(), *request.accepted);
    if (!settled) continue;  // Forgotten: older than the epochs that are kept.
    CHECK(
        (settled->status == InferenceStatus::kValidated || not_drawn.contains(*request.accepted)));
    ++validated;
  }
  CHECK_MESSAGE(answered == asked, world.Log());
  CHECK(validated > 100);
  CHECK(world.Told<DisputeOpened>().empty());
  CHECK(world.Told<HearingOpened>().empty());
  CHECK(world.Told<Convicted>().empty());
  CHECK(world.Told<RecordExpired>().empty());
  for (const VerdictRevealed& verdict : world.Told<VerdictRevealed>()) {
    CHECK(verdict.verdict == Verdict::kPass);
  }
  world.CheckInvariants();
}

}  // namespace
}  // namespace gonka::testing
