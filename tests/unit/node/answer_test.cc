// What becomes of one request: answered, skipped, broken off, hung up.

#include <doctest/doctest.h>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {
namespace {

using ledger::InferenceStatus;

TEST_CASE("an answer is streamed, recorded, checked by another participant, settled and paid") {
  SimWorld world({.sim_seed = 1});
  const InferenceId id = world.Ask("why is the sky blue?");
  const auto& answer = world.AnswerTo(id);
  REQUIRE_MESSAGE(answer.ok(), ToString(answer.status()));
  const SimRequest& request = world.RequestOf(id);
  CHECK(request.tokens.size() == answer->output_tokens);
  CHECK(OutputDigest(request.tokens, answer->finish, answer->output_salt) == answer->output_digest);
  CHECK(world.RunUntil([&] { return world.Record(id).status == InferenceStatus::kValidated; }));
  CHECK(world.Record(id).verdicts.size() == 1);
  CHECK(world.Record(id).verdicts[0].validator != answer->executor);
  CHECK(world.Record(id).delivered.has_value());
  world.RunToSettlementOf(0);
  CHECK(world.Record(id).settled);
  const uint64_t cost = (answer->prompt_tokens + answer->output_tokens) * 10;
  CHECK(world.Balance(world.developer()) == world.initial_balance() - Amount(cost));
  CHECK(world.refusals().empty());
  world.CheckInvariants();
}

}  // namespace
}  // namespace gonka::testing
