// Transfer agents that break off: what their executors are paid, and for what.

#include <doctest/doctest.h>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {
namespace {

using ledger::InferenceStatus;

// Ten seconds for a long answer: the record is on the ledger long before its end.
SimOptions Slowly(uint64_t sim_seed) {
  SimOptions options{.sim_seed = sim_seed};
  options.engine.us_per_token = 25'000;
  return options;
}

// A long answer through a transfer agent that is not the sequencer, which must live on.
InferenceId AskLong(SimWorld& world) {
  return world.Ask("a long story", {.ta = 0, .tokens_max = 400});
}

uint32_t TakenOf(const SimWorld& world, const InferenceId& id) {
  return static_cast<uint32_t>(world.RequestOf(id).tokens.size());
}

// Most answers end before: asks until one is so long, and still running.
InferenceId AskUntilTaken(SimWorld& world, uint32_t tokens) {
  for (uint64_t seed = 1; seed < 100; ++seed) {
    const InferenceId id = world.Ask("a story", {.ta = 0, .tokens_max = 400, .seed = seed});
    const auto over = [&] { return world.RequestOf(id).answer.has_value(); };
    world.RunUntil([&] { return TakenOf(world, id) > tokens || over(); });
    if (!over()) return id;
  }
  FAIL("no answer is so long");
  return {};
}

TEST_CASE("a client that hangs up pays for just the tokens that its transfer agent had") {
  SimWorld world(Slowly(81));
  const InferenceId id = AskLong(world);
  REQUIRE(world.RunUntil([&] { return TakenOf(world, id) > 20; }));
  const uint32_t taken = TakenOf(world, id);
  world.HangUp(id);
  REQUIRE(world.RunUntil([&] { return world.Record(id).delivered.has_value(); }));
  REQUIRE(world.RunUntil([&] { return world.Record(id).finish.has_value(); }));
  CHECK(world.Record(id).finish->finish == FinishCode::kCancelled);
  CHECK(world.Record(id).finish->output_tokens == taken);
  CHECK_FALSE(world.Record(id).broken_off);
  CHECK_FALSE(world.Record(id).delivery_differs);
  world.RunToSettlementOf(world.Record(id).assignment.request.epoch);
  CHECK(world.Record(id).paid > Amount(0));
  world.CheckInvariants();
}

TEST_CASE("an executor whose transfer agent dies midway is paid for what was acknowledged") {
  SimWorld world(Slowly(82));
  const InferenceId id = AskUntilTaken(world, kAckTokens + 10);
  const size_t executor = world.ExecutorOf(id);
  world.Crash(0);
  REQUIRE(world.RunUntil([&] {
    const auto record = ledger::FindRecord(*world.Ledger(), id);
    return record && record->finish.has_value();
  }));
  const auto record = world.Record(id);
  CHECK(record.finish->finish == FinishCode::kCancelled);
  CHECK(record.finish->output_tokens == kAckTokens);
  CHECK(record.broken_off);
  CHECK(world.Keeps(executor, id));
  // It can be checked, and is: the executor has kept just these tokens.
  REQUIRE(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  world.RunToSettlementOf(record.assignment.request.epoch);
  CHECK(world.Record(id).paid > Amount(0));
  CHECK(world.Told<Convicted>().empty());
  world.CheckInvariants();
}

TEST_CASE("an executor that is left early finishes what is on the ledger, and has missed nothing") {
  SimWorld world(Slowly(83));
  const InferenceId id = AskLong(world);
  const size_t executor = world.ExecutorOf(id);
  REQUIRE(world.RunUntil([&] { return ledger::FindRecord(*world.Ledger(), id).has_value(); }));
  REQUIRE(TakenOf(world, id) < kAckTokens);
  world.Crash(0);
  REQUIRE(world.RunUntil([&] { return world.Record(id).finish.has_value(); }));
  CHECK(world.Record(id).finish->finish != FinishCode::kCancelled);
  const auto standing = ledger::FindStanding(
      *world.Ledger(), world.Record(id).assignment.request.epoch, world.participant(executor));
  CHECK(standing->misses_half == 0);
  world.CheckInvariants();
}

TEST_CASE("words that are forged, or about tokens that there are not, change nothing") {
  SimWorld world(Slowly(84));
  const InferenceId id = AskLong(world);
  const size_t executor = world.ExecutorOf(id);
  REQUIRE(world.RunUntil([&] { return TakenOf(world, id) > 20; }));
  for (const char* method : {node::kCancelMethod, node::kAckMethod}) {
    for (const size_t caller : {size_t{0}, executor == 1 ? size_t{2} : size_t{1}}) {
      const node::AgentSays says{.inference = id, .word = {.tokens = 5, .signature = {}}};
      CHECK(world.Call(caller, executor, method, Encode(says)).ok());
    }
  }
  REQUIRE(world.AnswerTo(id).ok());
  CHECK((*world.RequestOf(id).answer)->finish != FinishCode::kCancelled);
  REQUIRE(world.RunUntil([&] { return world.Record(id).finish.has_value(); }));
  CHECK(world.Record(id).finish->output_tokens == TakenOf(world, id));
  world.CheckInvariants();
}

}  // namespace
}  // namespace gonka::testing
