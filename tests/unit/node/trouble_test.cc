// What becomes of honest nodes on a bad day: restarts, losses, cuts, newcomers.

#include <doctest/doctest.h>

#include <algorithm>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {
namespace {

using ledger::InferenceStatus;

TEST_CASE("a validator that restarts reveals what it had committed to") {
  SimWorld world({.sim_seed = 41, .participants = 6});
  InferenceId id;
  size_t validator = world.sequencer();
  while (validator == world.sequencer()) {
    id = world.Ask("remember?", {.tokens_max = 8});
    REQUIRE(world.AnswerTo(id).ok());
    REQUIRE(world.RunUntil([&] { return !world.Record(id).verdicts.empty(); }));
    validator = world.PlaceOf(world.Record(id).verdicts[0].validator);
  }
  REQUIRE_FALSE(world.Record(id).verdicts[0].reveal.has_value());
  world.Crash(validator);
  world.RunBlocks(2);
  world.Restart(validator);
  REQUIRE(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  CHECK(world.Record(id).verdicts.size() == 1);
  CHECK(world.Record(id).verdicts[0].reveal.has_value());
}

TEST_CASE("a node that was down for an epoch catches up and serves again") {
  SimWorld world({.sim_seed = 42});
  world.Crash(1);
  world.RunToEpoch(1);
  CHECK(ledger::ReadChain(*world.LedgerOf(1)).height + 30 < world.height());
  world.Restart(1);
  CHECK(world.RunUntil(
      [&] { return ledger::ReadChain(*world.LedgerOf(1)).height == world.height(); }));
  const InferenceId id = world.Ask("back?", {.executor = 1});
  CHECK(world.AnswerTo(id).ok());
  CHECK(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  world.CheckInvariants();
}

TEST_CASE("transactions that are lost on the way are sent again, and no event is missing") {
  SimWorld world({.sim_seed = 43});
  for (size_t i = 0; i < world.participants(); ++i) world.LoseTxs(i, 2);
  std::vector<InferenceId> asked;
  for (int i = 0; i < 6; ++i) asked.push_back(world.Ask("lost?", {.tokens_max = 6}));
  for (const InferenceId& id : asked) {
    REQUIRE(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  }
  world.RunBlocks(10);
  for (const InferenceId& id : asked) CHECK(world.Record(id).delivered.has_value());
  for (size_t i = 0; i < world.participants(); ++i) {
    CHECK(world.NodeOf(i).recorder().pending() == 0);
  }
}

TEST_CASE("numbers that a transfer agent took before its restart do not stop those after it") {
  SimWorld world({.sim_seed = 44});
  for (int i = 0; i < 5; ++i) {
    world.Ask("before", {.ta = 0, .tokens_max = 4});
    world.RunFor(30'000);
    world.Crash(0);
    world.Restart(0);
    const InferenceId id = world.Ask("after", {.ta = 0, .tokens_max = 4});
    CHECK(world.AnswerTo(id).ok());
    world.RunBlocks(5);
  }
  world.RunToSettlementOf(world.epoch());
  CHECK(world.Told<DisputeOpened>().empty());
  CHECK(world.Balance(world.developer()) < world.initial_balance());
  world.CheckInvariants();
}

TEST_CASE("delay, loss and duplication change nothing but the hour") {
  SimWorld world({.sim_seed = 45,
                  .participants = 6,
                  .links = {.delay_min_us = 1'000,
                            .delay_max_us = 400'000,
                            .loss = Ppm{20'000},
                            .duplicate = Ppm{100'000}}});
  std::vector<size_t> asked;
  for (int i = 0; i < 40; ++i) {
    asked.push_back(world.Post("through the storm", {.tokens_max = 5}));
    world.RunBlocks(1);
  }
  world.RunToSettlementOf(world.epoch());
  size_t validated = 0;
  size_t unrecorded = 0;  // An earlier attempt, thought dead, had finished after all.
  for (const size_t number : asked) {
    const SimRequest& request = world.request(number);
    REQUIRE(request.answer.has_value());
    if (!request.answer->ok()) continue;
    const auto record = ledger::FindSettledRecord(*world.Ledger(), *request.accepted);
    if (!record) {
      ++unrecorded;
      continue;
    }
    validated += record->status == InferenceStatus::kValidated ? 1 : 0;
  }
  CHECK(unrecorded <= 4);
  CHECK(validated > 25);
  CHECK(world.Told<Convicted>().empty());
  world.CheckInvariants();
}

TEST_CASE("a participant that is cut off costs its partners time, not money, and heals") {
  SimWorld world({.sim_seed = 46});
  world.Cut(0);
  for (int i = 0; i < 8; ++i) {
    const InferenceId id = world.Ask("who is left?", {.ta = 1 + i % 3u, .tokens_max = 5});
    CHECK(world.ExecutorOf(id) != 0);
    CHECK(world.AnswerTo(id).ok());
  }
  world.Heal(0);
  CHECK(world.RunUntil(
      [&] { return ledger::ReadChain(*world.LedgerOf(0)).height == world.height(); }));
  const InferenceId id = world.Ask("and now?", {.executor = 0});
  CHECK(world.AnswerTo(id).ok());
  world.RunToSettlementOf(world.epoch());
  CHECK(world.Told<Convicted>().empty());
  world.CheckInvariants();
}

TEST_CASE("an answer that nobody took is kept: the same order again earns no second signature") {
  SimWorld world({.sim_seed = 48});
  const InferenceId id = world.Ask("still there?", {.ta = 1, .tokens_max = 20});
  const size_t executor = world.ExecutorOf(id);
  world.Crash(1);
  CHECK_FALSE(world.Keeps(executor, id));
  world.RunFor(5'000'000);
  CHECK(world.Keeps(executor, id));
  world.CheckInvariants();
}

TEST_CASE("a check whose engine hangs is given up: the next one runs, and nobody is blamed") {
  SimOptions options{.sim_seed = 47, .participants = 4};
  options.engine.us_per_prompt_token = 1'000;
  options.node.checker = {.score_timeout_us = 2'000, .running_max = 1};
  SimWorld world(options);
  std::vector<InferenceId> asked;
  for (int i = 0; i < 4; ++i) asked.push_back(world.Ask("hanging?", {.tokens_max = 6}));
  for (const InferenceId& id : asked) REQUIRE(world.AnswerTo(id).ok());
  world.RunToSettlementOf(0);
  CHECK(world.Told<DisputeOpened>().empty());
  CHECK(world.Told<Convicted>().empty());
  const auto verdicts = world.Told<VerdictRevealed>();
  CHECK(verdicts.size() >= asked.size());
  for (const VerdictRevealed& verdict : verdicts) CHECK(verdict.verdict == Verdict::kInconclusive);
  world.CheckInvariants();
}

TEST_CASE("a newcomer joins while the network runs, and serves from the next epoch") {
  SimWorld world({.sim_seed = 47, .participants = 6, .newcomers = 1});
  world.RunBlocks(5);
  const size_t newcomer = world.Join();
  CHECK(newcomer == 6);
  REQUIRE(world.RunUntil([&] { return !world.Told<ParticipantJoined>().empty(); }));
  CHECK(world.Told<ParticipantJoined>()[0].participant == world.participant(newcomer));
  const auto before = ledger::FindEpoch(*world.Ledger(), 0);
  CHECK(before->members.size() == 6);
  world.RunToEpoch(1);
  const InferenceId id = world.Ask("you are new?", {.ta = 0, .executor = newcomer});
  REQUIRE(world.AnswerTo(id).ok());
  CHECK(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  world.RunToSettlementOf(world.Record(id).assignment.request.epoch);
  CHECK(world.Balance(world.participant(newcomer)) > world.initial_balance());
  world.CheckInvariants();
}

TEST_CASE("ten seeds of everything at once: coins are conserved, honest people stay honest") {
  for (uint64_t sim_seed = 100; sim_seed < 110; ++sim_seed) {
    CAPTURE(sim_seed);
    SimWorld world({.sim_seed = sim_seed,
                    .participants = 6,
                    .conduct = {{0, {{.strategy = "other_model"}}},
                                {1, {{.strategy = "never_checks"}}},
                                {2, {{.strategy = "withholds_payload"}}}},
                    .links = {.loss = Ppm{5'000}, .duplicate = Ppm{20'000}}});
    SimRandom dice(sim_seed);
    for (int i = 0; i < 60; ++i) {
      const size_t ta = 1 + dice.Below(5);
      if (i % 20 == 10) world.Crash(4);
      if (i % 20 == 15) world.Restart(4);
      const bool down = i % 20 >= 10 && i % 20 < 15 && ta == 4;
      if (!down) world.Post("everything at once", {.ta = ta, .tokens_max = 12});
      world.RunBlocks(1);
    }
    world.RunToSettlementOf(1);
    for (const Convicted& convicted : world.Told<Convicted>()) {
      CHECK(convicted.accused == world.participant(0));
    }
    world.CheckInvariants();
  }
}

}  // namespace
}  // namespace gonka::testing
