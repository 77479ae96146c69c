#include <doctest/doctest.h>

#include "gonka/protocol/governance.h"

namespace gonka {
namespace {

Hash Id(uint8_t number) {
  Hash id;
  id.bytes.fill(number);
  return id;
}

// Two models, three participants, two accounts.
Genesis Sound() {
  Genesis genesis;
  genesis.name = Text<64>("a network");
  for (const uint8_t number : {1, 2}) {
    ModelInfo model;
    model.id = ModelId{Id(number)};
    model.name = Text<128>("model " + std::to_string(number));
    model.price = Amount(10);
    model.context = 2'048;
    genesis.models.push_back(model);
  }
  for (const uint8_t number : {11, 12, 13}) {
    GenesisParticipant participant;
    participant.id = AccountId{Id(number)};
    participant.weight = 100;
    participant.models = std::vector<ModelId>{ModelId{Id(1)}, ModelId{Id(2)}};
    genesis.participants.push_back(participant);
  }
  genesis.accounts.push_back({.id = AccountId{Id(21)}, .balance = Amount(1'000)});
  genesis.accounts.push_back({.id = AccountId{Id(22)}, .balance = Amount(1'000)});
  genesis.sequencer = AccountId{Id(12)};
  return genesis;
}

TEST_CASE("a sound genesis is accepted, and its hash is the network's id") {
  const Genesis genesis = Sound();
  const absl::Status status = CheckGenesis(genesis);
  CHECK_MESSAGE(status.ok(), Message(status));
  Genesis other = genesis;
  other.params.check.voters_min = 2;
  CHECK(NetworkIdOf(other) != NetworkIdOf(genesis));
}

TEST_CASE("a genesis that contradicts itself is refused by the field's name and value") {
  struct {
    void (*change)(Genesis&);
    const char* reason;
  } const kCases[] = {
      {[](Genesis& g) { g.name.clear(); }, "the name is empty"},
      {[](Genesis& g) { g.params.time.epoch_blocks = 0; }, "time.epoch_blocks must be positive"},
      {[](Genesis& g) { g.params.time.check_window_blocks = 0; }, "time.check_window_blocks"},
      {[](Genesis& g) { g.params.time.vote_window_blocks = 0; }, "time.vote_window_blocks"},
      {[](Genesis& g) { g.params.time.hearing_window_blocks = 0; }, "time.hearing_window_blocks"},
      {[](Genesis& g) { g.params.time.expiry_tokens_per_block = 0; },
       "time.expiry_tokens_per_block"},
      {[](Genesis& g) { g.params.time.settle_blocks = 17'280; }, "has 40, 17280, 17280"},
      {[](Genesis& g) { g.params.time.grace_blocks = 1'200; }, "has 1200, 1200, 17280"},
      {[](Genesis& g) { g.params.money.fee_ta = Ppm{100'001}; }, "sum to 1000001"},
      {[](Genesis& g) { g.params.money.weight_cap = Ppm{0}; }, "money.weight_cap"},
      {[](Genesis& g) { g.params.money.weight_cap = Ppm{1'000'001}; }, "is 1000001"},
      {[](Genesis& g) { g.params.check.committee_seats = 0; }, "check.committee_seats"},
      {[](Genesis& g) { g.params.check.committee_seats = 65; }, "has 65 and 16"},
      {[](Genesis& g) { g.params.check.hearing_sample = 17; }, "has 7 and 17"},
      {[](Genesis& g) { g.params.check.traffic_half = 100; }, "has 100, 100, 10000"},
      {[](Genesis& g) { g.params.check.rate_half = Ppm{9'999}; }, "has 10000, 9999, 1000000"},
      {[](Genesis& g) { g.params.check.rate_max = Ppm{1'000'001}; }, "check.rate_floor"},
      {[](Genesis& g) { g.params.check.evidence_min_millinats = 1; }, "has 1, 3912"},
      {[](Genesis& g) { g.params.check.evidence_max_millinats = -1; }, "has -500, -1"},
      {[](Genesis& g) { g.params.check.alarm_millinats = 0; }, "are 0 and 9211"},
      {[](Genesis& g) { g.params.check.conviction_millinats = -5; }, "are 13816 and -5"},
      {[](Genesis& g) { g.params.check.share_per_party = Ppm{1'000'001}; },
       "check.share_per_party"},
      {[](Genesis& g) { g.params.reputation.epochs_to_full = 0; }, "reputation.epochs_to_full"},
      {[](Genesis& g) { g.params.reputation.miss_rate = Ppm{1'000'001}; }, "reputation.miss_rate"},
      {[](Genesis& g) { g.params.reputation.slash = Ppm{2'000'000}; }, "reputation.slash"},
      {[](Genesis& g) { g.params.request_sequence_ahead = 0; }, "request_sequence_ahead"},
      {[](Genesis& g) { g.params.request_sequence_ahead = 65; }, "must be in 1..64, is 65"},
      {[](Genesis& g) { std::swap(g.models[0], g.models[1]); }, "models must ascend"},
      {[](Genesis& g) { g.models[1] = g.models[0]; }, "models must ascend"},
      {[](Genesis& g) { g.models[1].name.clear(); }, "model '' needs a name"},
      {[](Genesis& g) { g.models[1].name = g.models[0].name; },
       "two models have the name 'model 1'"},
      {[](Genesis& g) { g.models[1].price = Amount(0); }, "a price (has 0)"},
      {[](Genesis& g) { g.models[1].price_floor = Amount(11); }, "has 11, 10, 1099511627776"},
      {[](Genesis& g) { g.models[1].price_ceiling = Amount(9); }, "has 1, 10, 9"},
      {[](Genesis& g) { g.models[1].capacity_tokens = UINT64_MAX; }, "capacity_tokens <="},
      {[](Genesis& g) { g.params.pricing.stable_from = Ppm{600'001}; }, "has 600001 and 600000"},
      {[](Genesis& g) { g.params.pricing.step_max = Ppm{20'001}; },
       "pricing.step_max must be in 0..20000, is 20001"},
      {[](Genesis& g) { g.params.governance.open_max = 0; }, "governance.open_max"},
      {[](Genesis& g) { g.params.sprint.lead_blocks = 328; },
       "needs 329 <= sprint.lead_blocks < time.epoch_blocks of 17280, or 0, has 328"},
      {[](Genesis& g) { g.params.sprint.lead_blocks = 17'280; }, "of 17280, or 0, has 17280"},
      {[](Genesis& g) {
         g.params.sprint.lead_blocks = 400;
         g.params.sprint.input_tokens = 16;
       },
       "sprint.positions < input_tokens, has 16, 16"},
      {[](Genesis& g) { g.params.sprint.checkers = 17; }, "sprint.checkers must be in 1..16"},
      {[](Genesis& g) { g.models[1].sprint_weight = 1'000'000'001; },
       "sprint_weight <= 1000000000, has 1000000001"},
      {[](Genesis& g) { g.models[1].context = 0; }, "a context (has 0)"},
      {[](Genesis& g) { g.models[1].top_k = 21; }, "top_k in 1..20 (has 21)"},
      {[](Genesis& g) { std::swap(g.participants[0], g.participants[1]); },
       "participants must ascend"},
      {[](Genesis& g) { std::swap(g.participants[1].models[0], g.participants[1].models[1]); },
       "a participant's models must ascend"},
      {[](Genesis& g) { g.participants[1].models[1] = ModelId{Id(9)}; },
       "serves unknown model 0909"},
      {[](Genesis& g) { g.sequencer = AccountId{Id(21)}; }, "is no participant"},
      {[](Genesis& g) { g.participants[0].weight = (uint64_t{1} << 48) + 1; }, "is above 2^48"},
      {[](Genesis& g) {
         for (auto& p : g.participants) p.weight = 0;
       },
       "total weight must be positive"},
      {[](Genesis& g) { std::swap(g.accounts[0], g.accounts[1]); }, "accounts must ascend"},
      {[](Genesis& g) { g.accounts[0].balance = Amount(Amount::kMax); }, "exceed 2^62"},
      {[](Genesis& g) { g.participants[0].collateral = Amount(Amount::kMax); }, "exceed 2^62"},
  };
  for (const auto& c : kCases) {
    Genesis genesis = Sound();
    c.change(genesis);
    const absl::Status status = CheckGenesis(genesis);
    CAPTURE(c.reason);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK_MESSAGE(Message(status).find(c.reason) != std::string::npos, Message(status));
  }
}

TEST_CASE("every parameter has a name, a bound, and is what its name sets") {
  const std::vector<ParamChange> all = ListParams(Params{});
  CHECK(all.size() == 71);
  for (const ParamChange& param : all) {
    CAPTURE(static_cast<const std::string&>(param.name));
    Params params;
    CHECK(SetParam(params, {.name = param.name, .value = param.value}).ok());
    CHECK(params == Params{});
    // Beyond the type, or beyond the bound.
    const bool fits = SetParam(params, {.name = param.name, .value = INT64_MAX}).ok();
    CHECK_FALSE((fits && CheckBounds(params).ok()));
  }
  Params params;
  CHECK(SetParam(params, {.name = Text<64>("money.fee_ta"), .value = 7}).ok());
  CHECK(params.money.fee_ta == Ppm{7});
  CHECK(SetParam(params, {.name = Text<64>("money"), .value = 7}).code() ==
        absl::StatusCode::kNotFound);
  CHECK(Message(SetParam(params, {.name = Text<64>("time.epoch_blocks"), .value = -1})) ==
        "parameter time.epoch_blocks cannot be -1");
}

}  // namespace
}  // namespace gonka
