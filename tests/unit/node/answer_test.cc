// What becomes of one request: answered, skipped, broken off, hung up.

#include <doctest/doctest.h>

#include <algorithm>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {
namespace {

using ledger::InferenceStatus;

constexpr uint64_t kPrice = 10;

bool IsKnown(SimWorld& world, const InferenceId& id) {
  return ledger::FindRecord(*world.Ledger(), id).has_value();
}

// The next executor that the ledger will draw for the next request through this transfer agent.
size_t NextExecutor(SimWorld& world, size_t ta) {
  const auto view = world.Ledger();
  const auto allowance = ledger::FindAllowance(*view, world.participant(ta), world.developer());
  REQUIRE(allowance.has_value());
  const auto drawn =
      ledger::DrawExecutor(*view, world.epoch(), ledger::ListModels(*view)[0].id, world.developer(),
                           world.participant(ta), allowance->sequence_base, 0);
  return world.PlaceOf(std::get<AccountId>(drawn));
}

// A transfer agent whose next request goes to a participant that may crash.
size_t TransferAgentWithMortalExecutor(SimWorld& world) {
  for (size_t ta = 0; ta < world.participants(); ++ta) {
    if (NextExecutor(world, ta) != world.sequencer()) return ta;
  }
  FAIL("the sequencer executes everything");
  return 0;
}

uint32_t HalfMisses(SimWorld& world) {
  uint32_t sum = 0;
  for (size_t i = 0; i < world.participants(); ++i) {
    const auto standing = ledger::FindStanding(*world.Ledger(), 0, world.participant(i));
    if (standing) sum += standing->misses_half;
  }
  return sum;
}

TEST_CASE("an answer is streamed, recorded, checked by another participant, settled and paid") {
  SimWorld world({.sim_seed = 1});
  const InferenceId id = world.Ask("why is the sky blue?");
  const auto& answer = world.AnswerTo(id);
  REQUIRE_MESSAGE(answer.ok(), ToString(answer.status()));
  const SimRequest& request = world.RequestOf(id);
  CHECK(request.tokens.size() == answer->output_tokens);
  CHECK(OutputDigest(request.tokens, answer->finish, answer->output_salt) == answer->output_digest);
  REQUIRE(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  CHECK(world.Record(id).verdicts.size() == 1);
  CHECK(world.Record(id).verdicts[0].validator != answer->executor);
  CHECK(world.Record(id).delivered.has_value());
  world.RunToSettlementOf(0);
  CHECK(world.Record(id).settled);
  const uint64_t cost = (answer->prompt_tokens + answer->output_tokens) * kPrice;
  CHECK(world.Balance(world.developer()) == world.initial_balance() - Amount(cost));
  CHECK(world.refusals().empty());
  world.CheckInvariants();
}

TEST_CASE("the same seed gives the same run, another one another") {
  const auto run = [](uint64_t sim_seed) {
    SimWorld world({.sim_seed = sim_seed, .links = {.loss = Ppm{20'000}}});
    for (int i = 0; i < 5; ++i) world.Post("again?");
    world.RunBlocks(20);
    return world.Log() + Hex(ledger::ReadChain(*world.Ledger()).history.Root());
  };
  CHECK(run(3) == run(3));
  CHECK(run(3) != run(4));
}

TEST_CASE("a stop string ends the answer, and the check agrees that it does") {
  SimWorld world({.sim_seed = 2});
  const InferenceId first = world.Ask("stop?", {.tokens_max = 60, .seed = 5});
  REQUIRE(world.AnswerTo(first).ok());
  const std::vector<uint32_t> tokens = world.RequestOf(first).tokens;
  REQUIRE(tokens.size() > 12);
  const std::string stop = {static_cast<char>(tokens[10]), static_cast<char>(tokens[11])};
  const InferenceId id = world.Ask("stop?", {.tokens_max = 60, .stop = {stop}, .seed = 5});
  const auto& answer = world.AnswerTo(id);
  REQUIRE(answer.ok());
  CHECK(answer->finish == FinishCode::kStop);
  CHECK(answer->output_tokens <= 12);
  CHECK(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
}

TEST_CASE("an executor that is dead is skipped, and the next attempt is recorded and paid") {
  SimWorld world({.sim_seed = 3});
  const size_t ta = TransferAgentWithMortalExecutor(world);
  const size_t dead = NextExecutor(world, ta);
  if (ta != dead) world.Crash(dead);
  const InferenceId id = world.Ask("anybody there?", {.ta = ta});
  REQUIRE(world.AnswerTo(id).ok());
  CHECK(world.ExecutorOf(id) != dead);
  REQUIRE(world.RunUntil([&] { return world.Record(id).finish.has_value(); }));
  const auto skipped = world.Record(id).assignment.skipped;
  REQUIRE(skipped.size() == 1);
  CHECK(skipped[0].executor == world.participant(dead));
  CHECK_FALSE(skipped[0].refusal.has_value());
  // Nothing proves who was silent: half a miss each.
  CHECK(HalfMisses(world) == 2);
  CHECK(ledger::FindStanding(*world.Ledger(), 0, world.participant(dead))->misses_half == 1);
  CHECK(ledger::FindStanding(*world.Ledger(), 0, world.participant(ta))->misses_half == 1);
  world.CheckInvariants();
}

TEST_CASE("a signed refusal costs nobody anything") {
  SimWorld world({.sim_seed = 4});
  const size_t ta = TransferAgentWithMortalExecutor(world);
  const size_t refusing = NextExecutor(world, ta);
  world.SetConduct(refusing, {{.strategy = "refuses"}});
  const InferenceId id = world.Ask("would you?", {.ta = ta});
  REQUIRE(world.AnswerTo(id).ok());
  CHECK(world.ExecutorOf(id) != refusing);
  REQUIRE(world.RunUntil([&] { return world.Record(id).finish.has_value(); }));
  const auto skipped = world.Record(id).assignment.skipped;
  REQUIRE(skipped.size() == 1);
  CHECK(skipped[0].executor == world.participant(refusing));
  CHECK(skipped[0].refusal.has_value());
  CHECK(HalfMisses(world) == 0);
}

TEST_CASE("where all refuse the developer is told, nothing is charged and later requests pass") {
  SimWorld world({.sim_seed = 5, .participants = 4});
  for (size_t i = 0; i < 4; ++i) world.SetConduct(i, {{.strategy = "refuses"}});
  // More than the window of request numbers holds.
  for (int i = 0; i < 40; ++i) {
    const size_t number = world.Post("no?", {.ta = 1});
    REQUIRE(world.RunUntil([&] { return world.request(number).answer.has_value(); }));
    CHECK(absl::IsUnavailable(world.request(number).answer->status()));
  }
  world.RunBlocks(40);
  CHECK(world.Balance(world.developer()) == world.initial_balance());
  for (size_t i = 0; i < 4; ++i) world.SetConduct(i, {{.strategy = "honest"}});
  const InferenceId id = world.Ask("yes?", {.ta = 1});
  CHECK(world.AnswerTo(id).ok());
  CHECK(world.RunUntil([&] { return world.Record(id).finish.has_value(); }));
  world.CheckInvariants();
}

TEST_CASE("an executor that dies mid-answer is paid nothing and the escrow goes home") {
  SimWorld world({.sim_seed = 8});
  const size_t ta = TransferAgentWithMortalExecutor(world);
  const InferenceId id = world.Ask("a long story", {.ta = ta, .tokens_max = 400});
  REQUIRE(world.RunUntil([&] { return world.RequestOf(id).tokens.size() > 10; }));
  const size_t executor = world.ExecutorOf(id);
  world.Crash(executor);
  const auto& answer = world.AnswerTo(id);
  CHECK(absl::IsUnavailable(answer.status()));
  CHECK(Message(answer.status()).find("broke off") != std::string::npos);
  REQUIRE(world.RunUntil([&] { return IsKnown(world, id); }));
  CHECK(world.Balance(world.developer()) < world.initial_balance());
  REQUIRE(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kExpired; },
                         20 * SimWorld::kMinuteUs));
  CHECK(world.Balance(world.developer()) == world.initial_balance());
  CHECK(ledger::FindStanding(*world.Ledger(), world.Record(id).assignment.request.epoch,
                             world.participant(executor))
            ->misses_half == 2);
  world.CheckInvariants();
}

TEST_CASE("a client that hangs up mid-stream pays for what was produced, and that is checked") {
  SimWorld world({.sim_seed = 8});
  const InferenceId id = world.Ask("a long story", {.tokens_max = 300});
  REQUIRE(world.RunUntil([&] { return world.RequestOf(id).tokens.size() > 10; }));
  world.HangUp(id);
  REQUIRE(world.RunUntil([&] { return world.Record(id).delivered.has_value(); }));
  const auto record = world.Record(id);
  CHECK_FALSE(world.RequestOf(id).answer.has_value());
  CHECK(record.finish->finish == FinishCode::kCancelled);
  CHECK(record.finish->output_tokens >= world.RequestOf(id).tokens.size());
  CHECK(record.finish->output_tokens < 100);
  CHECK(record.held ==
        Amount((record.assignment.prompt_tokens + record.finish->output_tokens) * kPrice));
  CHECK(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  world.RunToSettlementOf(record.assignment.request.epoch);
  CHECK(world.Record(id).paid > Amount(0));
}

TEST_CASE("a client that hangs up at once never leaves its executor accused") {
  SimWorld world({.sim_seed = 9});
  std::vector<InferenceId> asked;
  for (int i = 0; i < 12; ++i) {
    asked.push_back(world.Ask("never mind", {.tokens_max = 40}));
    world.RunFor(i * 400);
    world.HangUp(asked.back());
  }
  world.RunToSettlementOf(world.epoch());
  CHECK(world.Told<DisputeOpened>().empty());
  for (const InferenceId& id : asked) {
    CHECK(world.Record(id).settled);
    CHECK(world.Record(id).status == InferenceStatus::kValidated);
  }
}

TEST_CASE("an allowance that is too small, a model that nobody knows: the developer is told why") {
  SimWorld world({.sim_seed = 10, .allowance = Amount(2'000)});
  const size_t dear = world.Post("much, much more", {.ta = 0, .tokens_max = 400});
  CHECK(world.RunUntil([&] { return world.request(dear).answer.has_value(); }));
  CHECK(absl::IsFailedPrecondition(world.request(dear).answer->status()));
  CHECK(Message(world.request(dear).answer->status()).find("insufficient allowance") == 0);
  const size_t empty = world.Post("", {.ta = 0});
  CHECK(world.RunUntil([&] { return world.request(empty).answer.has_value(); }));
  CHECK(absl::IsInvalidArgument(world.request(empty).answer->status()));
  // The whole allowance in one request, whose first executor is dead: the second attempt is not
  // refused because the first one's escrow is still locked.
  const size_t ta = TransferAgentWithMortalExecutor(world);
  world.Crash(NextExecutor(world, ta));
  const InferenceId id = world.Ask("12345678", {.ta = ta, .tokens_max = 192});
  CHECK(world.AnswerTo(id).ok());
  CHECK(world.RunUntil([&] { return world.Record(id).finish.has_value(); }));
}

TEST_CASE("an allowance is not spent twice by requests that the ledger has not seen yet") {
  SimWorld world({.sim_seed = 12, .allowance = Amount(2'000)});
  std::vector<size_t> asked;  // Each may take a little less than half of the allowance.
  for (int i = 0; i < 6; ++i) asked.push_back(world.Post("12345678", {.ta = 0, .tokens_max = 80}));
  CHECK(world.RunUntil([&] {
    return std::ranges::all_of(
        asked, [&](size_t number) { return world.request(number).answer.has_value(); });
  }));
  CHECK(std::ranges::count_if(
            asked, [&](size_t number) { return world.request(number).answer->ok(); }) == 2);
  const absl::Status refused = world.request(asked.back()).answer->status();
  CHECK(absl::IsFailedPrecondition(refused));
  CHECK(Message(refused).find("on their way to the ledger") != std::string::npos);
  world.RunBlocks(6);
  CHECK(world.refusals().empty());
}

TEST_CASE("an allowance is spent to its end by requests that the ledger has seen") {
  SimWorld world({.sim_seed = 13, .allowance = Amount(2'000)});
  for (int i = 0; i < 4; ++i) {  // Each may cost a little less than a quarter of it.
    const InferenceId id = world.Ask("12345678", {.ta = 0, .tokens_max = 40});
    CHECK(world.RunUntil([&] { return world.Record(id).finish.has_value(); }));
  }
}

TEST_CASE("fifty requests at once through one transfer agent: as many pass as numbers are free") {
  SimWorld world({.sim_seed = 11});
  for (int i = 0; i < 50; ++i) world.Post("all at once", {.ta = 0, .tokens_max = 4});
  world.RunBlocks(8);
  size_t passed = 0;
  for (size_t i = 0; i < 50; ++i) {
    REQUIRE(world.request(i).answer.has_value());
    if (world.request(i).answer->ok()) {
      ++passed;
    } else {
      CHECK(absl::IsResourceExhausted(world.request(i).answer->status()));
    }
  }
  CHECK(passed == 32);
  for (int i = 0; i < 50; ++i) world.Post("and again", {.ta = 0, .tokens_max = 4});
  world.RunBlocks(8);
  CHECK(std::count_if(world.notices().begin(), world.notices().end(), [](const Notice& notice) {
          return std::holds_alternative<RecordFinished>(notice);
        }) == 64);
  CHECK(world.refusals().empty());
  world.CheckInvariants();
}

}  // namespace
}  // namespace gonka::testing
