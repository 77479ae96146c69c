// Nodes that run with warm keys, while the account's own key stays in a drawer.

#include <doctest/doctest.h>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {
namespace {

using ledger::InferenceStatus;

bool IsOver(SimWorld& world, const InferenceId& id) {
  const InferenceStatus status = world.Record(id).status;
  return status == InferenceStatus::kValidated || status == InferenceStatus::kUnchecked ||
         status == InferenceStatus::kExpired || status == InferenceStatus::kInvalidated;
}

}  // namespace

TEST_CASE("participants with warm keys transfer, execute, check and are paid like any other") {
  SimWorld world({.sim_seed = 11, .participants = 4});
  std::vector<AccountId> keys(world.participants());
  for (size_t i = 0; i < world.participants(); ++i) {
    if (i != world.sequencer()) keys[i] = world.GoWarm(i);
  }
  const size_t executor = world.sequencer() == 0 ? 1 : 0;
  const size_t ta = world.sequencer() == 2 ? 3 : 2;
  const InferenceId id = world.Ask("who signs?", {.ta = ta, .executor = executor});
  const auto& answer = world.AnswerTo(id);
  REQUIRE(answer.ok());
  CHECK(answer->executor == world.participant(executor));
  CHECK(answer->executor_key == keys[executor]);
  REQUIRE(world.RunUntil([&] { return IsOver(world, id); }));
  CHECK(world.Record(id).status == InferenceStatus::kValidated);
  CHECK(world.Record(id).delivered.has_value());
  world.RunToSettlementOf(world.epoch());
  for (const Paid& paid : world.Told<Paid>()) {
    if (paid.participant == world.participant(executor)) CHECK(paid.executor_fees > Amount(0));
  }
  world.CheckInvariants();
}

TEST_CASE("a warm key serves, but cannot delegate to another one") {
  SimWorld world({.sim_seed = 12, .participants = 4});
  const size_t executor = world.sequencer() == 0 ? 1 : 0;
  const AccountId first = world.GoWarm(executor);
  const InferenceId before = world.Ask("before", {.executor = executor});
  REQUIRE(world.AnswerTo(before).ok());
  REQUIRE(world.RunUntil([&] { return IsOver(world, before); }));
  CHECK(world.Record(before).status == InferenceStatus::kValidated);
  CHECK(ledger::FindDelegation(*world.Ledger(), first)->speaks);
  CHECK(ledger::NodeKeyOf(world.participant(executor),
                          *ledger::FindParticipant(*world.Ledger(), world.participant(executor))) ==
        first);
  const Delegate next{.key = AccountId{Hash{}},
                      .events = NodeEvents(),
                      .speaks = true,
                      .orders = false,
                      .cap = {},
                      .expires_height = world.height() + 100,
                      .replaces = first};
  const size_t refused = world.refusals().size();
  world.NodeOf(executor).recorder().Add(next);
  REQUIRE(world.RunUntil([&] { return world.refusals().size() > refused; }));
  CHECK(world.refusals().back() == TxCode::kNotDelegated);
  world.CheckInvariants();
}

}  // namespace gonka::testing
