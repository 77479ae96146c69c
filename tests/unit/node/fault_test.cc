// Machines that fail, and people who do not keep to the rules: what the simulator can do, and what
// the rules make of it.

#include <doctest/doctest.h>

#include <algorithm>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {
namespace {

using ledger::InferenceStatus;

uint64_t HeightOf(SimWorld& world, size_t place) {
  return ledger::ReadChain(*world.LedgerOf(place)).height;
}

Amount FeesOf(SimWorld& world, uint64_t epoch, size_t place) {
  for (const Paid& paid : world.Told<Paid>()) {
    if (paid.epoch == epoch && paid.participant == world.participant(place)) {
      return paid.executor_fees + paid.ta_fees + paid.validator_fees;
    }
  }
  return Amount(0);
}

TEST_CASE("one seed gives one transcript, whatever goes wrong in it") {
  const auto run = [](uint64_t sim_seed) {
    SimWorld world({.sim_seed = sim_seed,
                    .conduct = {{1, {{.strategy = "cheats", .rate = Ppm{500'000}}}}},
                    .links = {.loss = Ppm{20'000}, .duplicate = Ppm{20'000}, .late = Ppm{50'000}},
                    .sync_every = 4});
    for (int i = 0; i < 12; ++i) {
      world.Post("again?", {.tokens_max = 6});
      if (i == 4) world.LosePower(2);
      if (i == 8) world.Restart(2);
      world.RunBlocks(1);
    }
    world.RunBlocks(20);
    return world.Transcript();
  };
  CHECK(run(3) == run(3));
  CHECK(run(3) != run(4));
}

TEST_CASE("what a power failure tears off is fetched again, and nobody is blamed") {
  SimWorld world({.sim_seed = 61, .sync_every = 16});
  size_t torn = 0;
  for (int i = 0; i < 6; ++i) {
    for (int k = 0; k < 4; ++k) world.Post("light?", {.ta = 1, .tokens_max = 6});
    world.RunBlocks(5);
    const uint64_t before = HeightOf(world, 0);
    world.LosePower(0);
    torn += before - HeightOf(world, 0);
    world.Restart(0);
    REQUIRE(world.RunUntil([&] { return HeightOf(world, 0) == world.height(); }));
  }
  CHECK(torn > 0);
  world.RunToSettlementOf(0);
  CHECK(world.Told<Convicted>().empty());
  world.CheckInvariants();
}

TEST_CASE("the sequencer may lose power, too: it goes on where it was, and all follow") {
  SimWorld world({.sim_seed = 62});
  const InferenceId id = world.Ask("still there?", {.tokens_max = 6});
  REQUIRE(world.AnswerTo(id).ok());
  const uint64_t before = world.height();
  world.LosePower(world.sequencer());
  world.RunFor(20'000'000);
  CHECK(world.height() == before);
  world.Restart(world.sequencer());
  CHECK(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  world.CheckInvariants();
}

TEST_CASE("a full disk stops one node, and it goes on when there is room") {
  SimWorld world({.sim_seed = 63});
  world.RunBlocks(3);
  world.FillDisk(0);
  const uint64_t stopped = HeightOf(world, 0);
  world.RunBlocks(10);
  CHECK(HeightOf(world, 0) == stopped);
  world.FreeDisk(0);
  CHECK(world.RunUntil([&] { return HeightOf(world, 0) == world.height(); }));
  world.FillDisk(world.sequencer());
  const uint64_t height = world.height();
  world.RunFor(10'000'000);
  CHECK(world.height() == height);
  world.FreeDisk(world.sequencer());
  world.RunBlocks(3);
  world.CheckInvariants();
}

TEST_CASE(
    "a network in two halves: the one with the sequencer lives on, the other one catches up") {
  SimWorld world({.sim_seed = 64, .participants = 6});
  world.Partition({{0, 1}});
  const InferenceId id = world.Ask("who hears me?", {.ta = 3, .tokens_max = 6});
  CHECK(world.ExecutorOf(id) > 1);
  REQUIRE(world.AnswerTo(id).ok());
  world.RunBlocks(10);
  CHECK(HeightOf(world, 0) + 9 < world.height());
  world.Partition({});
  CHECK(world.RunUntil([&] {
    return HeightOf(world, 0) == world.height() && HeightOf(world, 1) == world.height();
  }));
  world.RunToSettlementOf(0);
  CHECK(world.Told<Convicted>().empty());
}

TEST_CASE("wrong clocks and slow machines cost time, not honour") {
  SimWorld world({.sim_seed = 65});
  world.SetPace(0, {.skew_us = 3'600'000'000, .drift_ppm = 20'000});
  world.SetPace(1, {.skew_us = -3'600'000'000, .drift_ppm = -20'000});
  world.SetPace(2, {.lag_us = 200'000, .slowness_percent = 400});
  world.SetPace(world.sequencer(), {.skew_us = 600'000'000});
  size_t answered = 0;
  for (int i = 0; i < 20; ++i) {
    const size_t number = world.Post("what time is it?", {.tokens_max = 8});
    REQUIRE(world.RunUntil([&] { return world.request(number).answer.has_value(); }));
    answered += world.request(number).answer->ok() ? 1 : 0;
  }
  CHECK(answered == 20);
  world.RunToSettlementOf(world.epoch());
  CHECK(world.Told<Convicted>().empty());
  CHECK(world.Told<DisputeOpened>().empty());
}

TEST_CASE("an unknown strategy is named, with those that there are") {
  const absl::Status status = MakeStrategy("cheat").status();
  CHECK(absl::IsInvalidArgument(status));
  CHECK(Message(status).find("there is no strategy 'cheat'; there are: honest") == 0);
  for (const StrategyInfo& info : Strategies()) CHECK(MakeStrategy(info.name).ok());
}

TEST_CASE("a transfer agent that calls its victim silent does not cost it its reputation or pay") {
  constexpr size_t kVictim = 1;
  SimWorld world({.sim_seed = 66,
                  .participants = 6,
                  .conduct = {{0, {{.strategy = "frames", .victims = {kVictim}}}}}});
  for (int i = 0; i < 45; ++i) {
    world.Post("framed", {.developer = i % 2u, .ta = 0, .tokens_max = 6});
    world.Post("and not", {.developer = i % 2u, .ta = 2, .tokens_max = 6});
    world.RunBlocks(1);
  }
  const auto standing = ledger::FindStanding(*world.Ledger(), 0, world.participant(kVictim));
  REQUIRE(standing.has_value());
  CHECK(standing->misses_half > 0);
  world.RunToSettlementOf(0);
  CHECK(ledger::FindParticipant(*world.Ledger(), world.participant(kVictim))->reputation > Ppm{0});
  for (const Withheld& withheld : world.Told<Withheld>()) {
    const bool availability = withheld.reason == WithholdReason::kAvailability;
    CHECK_FALSE((availability && withheld.participant == world.participant(kVictim)));
  }
}

TEST_CASE(
    "a transfer agent that never says what it delivered, or says another thing, gets no fee") {
  for (const char* strategy : {"never_delivers", "delivers_other"}) {
    CAPTURE(strategy);
    SimWorld world({.sim_seed = 67, .conduct = {{0, {{.strategy = strategy}}}}});
    const InferenceId id = world.Ask("where is it?", {.ta = 0, .tokens_max = 6});
    REQUIRE(world.AnswerTo(id).ok());
    const size_t executor = world.ExecutorOf(id);
    world.RunToSettlementOf(0);
    CHECK(world.Record(id).status == InferenceStatus::kValidated);
    CHECK(FeesOf(world, 0, executor) > Amount(0));
    const auto withheld = world.Told<Withheld>();
    CHECK(std::any_of(withheld.begin(), withheld.end(), [&](const Withheld& entry) {
      return entry.participant == world.participant(0) &&
             entry.reason == WithholdReason::kNotDelivered && entry.amount > Amount(0);
    }));
    CHECK(world.Told<Convicted>().empty());
  }
}

TEST_CASE("a Start that is withheld until the check is known changes nothing about the record") {
  SimWorld world({.sim_seed = 68, .conduct = {{0, {{.strategy = "withholds_start"}}}}});
  const InferenceId id = world.Ask("when?", {.ta = 0, .tokens_max = 6});
  REQUIRE(world.AnswerTo(id).ok());
  REQUIRE(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  world.RunToSettlementOf(0);
  CHECK(world.Record(id).paid > Amount(0));
}

TEST_CASE("a friend in the place of the drawn executor is refused by the ledger") {
  SimWorld world(
      {.sim_seed = 69, .conduct = {{0, {{.strategy = "names_friend", .friends = {1}}}}}});
  for (int i = 0; i < 6; ++i) world.Post("for a friend", {.ta = 0, .tokens_max = 4});
  world.RunBlocks(12);
  // Nobody has heard of the record yet, or its real executor's Finish has opened it.
  CHECK(std::any_of(world.refusals().begin(), world.refusals().end(), [](TxCode code) {
    return code == TxCode::kWrongExecutor || code == TxCode::kConflictsWithRecord;
  }));
  for (size_t i = 0; i < 6; ++i) {
    const InferenceId id = *world.request(i).accepted;
    CHECK(world.PlaceOf(world.Record(id).assignment.executor) == world.request(i).executor);
    CHECK(world.Record(id).finish.has_value());
  }
}

TEST_CASE("an accuser of honest work loses its bonds, and nobody is convicted") {
  constexpr size_t kAccuser = 2;
  SimWorld world(
      {.sim_seed = 70, .participants = 7, .conduct = {{kAccuser, {{.strategy = "accuses"}}}}});
  for (int i = 0; i < 40; ++i) {
    world.Post("honest work", {.tokens_max = 6});
    world.RunBlocks(1);
  }
  world.RunToSettlementOf(0);
  const auto decided = world.Told<DisputeDecided>();
  REQUIRE_FALSE(decided.empty());
  for (const DisputeDecided& dispute : decided) CHECK(dispute.outcome == DisputeOutcome::kRejected);
  CHECK(ledger::FindParticipant(*world.Ledger(), world.participant(kAccuser))->collateral <
        Amount(1'000'000));
}

TEST_CASE("one balance at many transfer agents: the ledger takes it once") {
  SimOptions options{.sim_seed = 72};
  options.allowance = Amount(0);
  SimWorld world(options);
  const Amount all = world.initial_balance();
  const auto allow = [&](size_t ta) {
    return world.Say(0, Allow{.ta = world.participant(ta),
                              .amount = all,
                              .expires_epoch = 10,
                              .key_digest = std::nullopt});
  };
  CHECK(allow(0) == TxCode::kOk);
  CHECK(allow(1) == TxCode::kInsufficientBalance);
  CHECK(world.Balance(world.developer()) == all);
}

}  // namespace
}  // namespace gonka::testing
