// Networks that earn their weights: who computes more has more, who cheats has none, and a machine
// that fails on the way costs no more than it must.

#include <doctest/doctest.h>

#include <algorithm>

#include "gonka/node/messages.h"
#include "gonka/testing/sim_world.h"

namespace gonka::testing {
namespace {

SimOptions Options(uint64_t sim_seed) {
  SimOptions options{.sim_seed = sim_seed, .participants = 6, .developers = 1};
  options.params.sprint = {.lead_blocks = 50,
                           .window_blocks = 10,
                           .check_blocks = 6,
                           .reveal_blocks = 3,
                           .input_tokens = 24,
                           .positions = 8,
                           .samples = 8,
                           .checkers = 3,
                           .share_min = Ppm{875'000},
                           .quorum = Ppm{500'000}};
  options.engine.us_per_prompt_token = 5'000;  // Some 70 inputs a second.
  return options;
}

uint64_t WeightOf(const SimWorld& world, size_t place) {
  return ledger::FindParticipant(*world.Ledger(), world.participant(place))->weight;
}

std::optional<SprintDecided> DecisionOn(const SimWorld& world, size_t place, uint64_t epoch) {
  for (const SprintDecided& decided : world.Told<SprintDecided>()) {
    if (decided.participant == world.participant(place) && decided.epoch == epoch) return decided;
  }
  return std::nullopt;
}

// Of the epoch, as long as it lasts.
bool IsInPhase(const SimWorld& world, ledger::SprintPhase phase) {
  const auto sprint = ledger::FindSprint(*world.Ledger(), world.epoch());
  return sprint && sprint->phase == phase;
}

TEST_CASE("a network earns its weights, and whoever is twice as fast earns twice as much") {
  constexpr size_t kFast = 1;
  constexpr size_t kSlow = 2;
  SimWorld world(Options(401));
  world.SetPace(kFast, {.slowness_percent = 50});
  world.SetPace(kSlow, {.slowness_percent = 200});
  for (uint64_t epoch = 1; epoch <= 3; ++epoch) {
    world.RunToEpoch(epoch);
    CAPTURE(epoch);
    const uint64_t ordinary = WeightOf(world, 0);
    CHECK(ordinary > 150);
    for (const size_t place : {3u, 4u, 5u}) {
      CHECK(WeightOf(world, place) * 10 >= ordinary * 9);
      CHECK(WeightOf(world, place) * 10 <= ordinary * 11);
    }
    CHECK(WeightOf(world, kFast) * 10 >= ordinary * 17);
    CHECK(WeightOf(world, kFast) * 10 <= ordinary * 22);
    CHECK(WeightOf(world, kSlow) * 10 >= ordinary * 4);
    CHECK(WeightOf(world, kSlow) * 10 <= ordinary * 6);
  }
  for (const SprintDecided& decided : world.Told<SprintDecided>()) {
    CHECK(decided.outcome == SprintOutcome::kProven);
    CHECK(decided.proven == 8);
  }
  CHECK(world.Told<SprintDecided>().size() == 18);
  CHECK(world.Told<SprintVoid>().empty());
  CHECK(world.Told<Penalised>().empty());
  CHECK(world.refusals().empty());
  world.CheckInvariants();
}

TEST_CASE("weight that is not computed is not earned: every way to cheat ends with none") {
  constexpr size_t kCheat = 2;
  for (const char* strategy : {"sprint_free_rider", "sprint_overclaims", "sprint_copies"}) {
    CAPTURE(strategy);
    SimOptions options = Options(402);
    options.conduct = {{kCheat, {{.strategy = strategy}}}};
    SimWorld world(options);
    for (uint64_t epoch = 1; epoch <= 2; ++epoch) {
      world.RunToEpoch(epoch);
      CHECK(WeightOf(world, kCheat) == 0);
      CHECK(WeightOf(world, 0) > 150);
      REQUIRE(DecisionOn(world, kCheat, epoch - 1));
      CHECK(DecisionOn(world, kCheat, epoch - 1)->outcome == SprintOutcome::kFalse);
      CHECK(DecisionOn(world, 0, epoch - 1)->outcome == SprintOutcome::kProven);
    }
    CHECK(world.Told<Convicted>().empty());
    world.CheckInvariants();
  }
}

TEST_CASE("whoever passes a cheat unseen is outvoted by those who look, and pays") {
  constexpr size_t kCheat = 2;
  SimOptions options = Options(403);
  options.conduct = {{kCheat, {{.strategy = "sprint_free_rider"}}},
                     {3, {{.strategy = "sprint_approves"}}},
                     {4, {{.strategy = "sprint_approves"}}}};
  SimWorld world(options);
  world.RunToEpoch(3);
  CHECK(WeightOf(world, kCheat) == 0);
  bool checked = false;
  for (const SprintVerdictRevealed& verdict : world.Told<SprintVerdictRevealed>()) {
    const size_t checker = world.PlaceOf(verdict.checker);
    checked = checked || (verdict.participant == world.participant(kCheat) && verdict.votes == 1 &&
                          (checker == 3 || checker == 4));
  }
  REQUIRE(checked);
  CHECK_FALSE(world.Told<Penalised>().empty());
  for (const Penalised& penalised : world.Told<Penalised>()) {
    CHECK(penalised.reason == PenaltyReason::kSprintVerdict);
    const size_t who = world.PlaceOf(penalised.who);
    CHECK((who == 3 || who == 4));
  }
  world.CheckInvariants();
}

TEST_CASE("a checker that crashes is replaced, and its own work is lost only until it is back") {
  SimWorld world(Options(404));
  REQUIRE(world.RunUntil([&] { return IsInPhase(world, ledger::SprintPhase::kCheck); }));
  constexpr size_t kCrashed = 1;
  world.Crash(kCrashed);
  size_t seats = 0;
  for (const SprintCheckDrawn& drawn : world.Told<SprintCheckDrawn>()) {
    seats += std::count(drawn.checkers.begin(), drawn.checkers.end(), world.participant(kCrashed));
  }
  REQUIRE(seats > 0);
  world.RunToEpoch(1);
  for (const size_t place : {0u, 2u, 3u, 4u, 5u}) {
    CHECK(DecisionOn(world, place, 0)->outcome == SprintOutcome::kProven);
    CHECK(WeightOf(world, place) > 150);
  }
  // Substitutes were drawn after the first checkers of the six commits.
  CHECK(world.Told<SprintCheckDrawn>().size() > 6);
  const auto standing = ledger::FindStanding(*world.Ledger(), 0, world.participant(kCrashed));
  REQUIRE(standing);
  CHECK(standing->misses_half == 2 * seats);
  // Nobody was shown anything of what it had committed to.
  CHECK(DecisionOn(world, kCrashed, 0)->outcome == SprintOutcome::kFalse);
  CHECK(WeightOf(world, kCrashed) == 0);
  world.Restart(kCrashed);
  world.RunToEpoch(2);
  CHECK(WeightOf(world, kCrashed) > 150);
  world.CheckInvariants();
}

TEST_CASE("a node that restarts computes again what it had committed to, and keeps its weight") {
  SimWorld world(Options(405));
  REQUIRE(world.RunUntil([&] { return IsInPhase(world, ledger::SprintPhase::kSampling); }));
  constexpr size_t kRestarted = 0;
  world.SetPace(kRestarted, {.slowness_percent = 20});  // There is less time than there was.
  world.Crash(kRestarted);
  world.Restart(kRestarted);
  world.RunToEpoch(1);
  CHECK(DecisionOn(world, kRestarted, 0)->outcome == SprintOutcome::kProven);
  CHECK(WeightOf(world, kRestarted) > 150);
  CHECK(world.Told<Penalised>().empty());
  world.CheckInvariants();
}

TEST_CASE("a newcomer earns its first weight in the epoch in which it joins") {
  SimOptions options = Options(406);
  options.newcomers = 1;
  SimWorld world(options);
  const size_t newcomer = world.Join();
  world.RunToEpoch(1);
  CHECK(WeightOf(world, newcomer) > 150);
  const auto table = ledger::FindEpoch(*world.Ledger(), 1);
  CHECK(table->members.size() == 7);
  world.RunToEpoch(2);
  CHECK(WeightOf(world, newcomer) > 150);
  world.CheckInvariants();
}

TEST_CASE("machines that compute a little differently bear each other's results out") {
  SimOptions options = Options(407);
  for (size_t place = 0; place < options.participants; ++place) {
    options.conduct[place] = {{.strategy = "odd_hardware"}};
  }
  SimWorld world(options);
  world.RunToEpoch(2);
  for (size_t place = 0; place < options.participants; ++place) {
    CHECK(WeightOf(world, place) > 150);
  }
  CHECK(world.Told<Penalised>().empty());
  world.CheckInvariants();
}

TEST_CASE("openings are shown to nobody but those who check them") {
  SimWorld world(Options(408));
  REQUIRE(world.RunUntil([&] { return IsInPhase(world, ledger::SprintPhase::kCheck); }));
  const ModelId model = ledger::ListModels(*world.Ledger())[0].id;
  const auto entry = ledger::FindSprintEntry(*world.Ledger(), 0, world.participant(0), model);
  const Bytes query = Encode(node::SprintQuery{.epoch = 0, .model = model});
  for (size_t caller = 1; caller < world.participants(); ++caller) {
    const bool checks = std::any_of(
        entry->ballots.begin(), entry->ballots.end(),
        [&](const auto& ballot) { return ballot.checker == world.participant(caller); });
    const auto answer = world.Call(caller, 0, node::kSprintMethod, query);
    CHECK(answer.ok() == checks);
    if (!checks) {
      CHECK(answer.status().code() == absl::StatusCode::kPermissionDenied);
      continue;
    }
    const auto openings = Decode<node::SprintOpenings>(answer->front());
    REQUIRE(openings.ok());
    CHECK(openings->opened.size() == 8);
  }
  CHECK_FALSE(world.Call(1, 0, node::kSprintMethod, Bytes{1, 2, 3}).ok());
}

TEST_CASE("beacon links that are withheld make the Sprint void: all weights stay") {
  SimOptions options = Options(409);
  options.conduct = {{options.participants - 1,
                      {{.strategy = "withholds_links", .from_block = 11, .until_block = 61}}}};
  SimWorld world(options);
  world.RunToEpoch(1);
  CHECK(world.Told<SprintVoid>().size() == 1);
  for (size_t place = 0; place < options.participants; ++place) {
    CHECK(WeightOf(world, place) == 100);
  }
  world.RunToEpoch(2);
  for (size_t place = 0; place < options.participants; ++place) {
    CHECK(WeightOf(world, place) > 150);
  }
  world.CheckInvariants();
}

}  // namespace
}  // namespace gonka::testing
