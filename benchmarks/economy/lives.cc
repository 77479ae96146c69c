#include "lives.h"

namespace gonka::testing {
namespace {

constexpr uint64_t kEmissionEach = 200'000;  // An epoch, at equal weights.

double CoinsOf(const SimWorld& world, const AccountId& account) {
  uint64_t coins = world.Balance(account).units();
  if (const auto about = ledger::FindParticipant(*world.Ledger(), account)) {
    coins += about->collateral.units();
    for (const auto& part : about->unbonding) coins += part.amount.units();
  }
  return static_cast<double>(coins);
}

double CostOf(const SimWorld& world, size_t participant) {
  const int64_t us_per_token = engine::ScriptedOptions().us_per_token;
  return static_cast<double>(world.MachineUs(participant)) * static_cast<double>(kCostOfToken) /
         static_cast<double>(us_per_token);
}

// What a developer would have paid for the answers that it has, but for those that were found
// wrong, or were refunded and are of somebody who does not do as it should; of one token nobody has
// any use.
double ValueOf(const SimWorld& world, const Cast& cast, size_t developer) {
  const auto view = world.Ledger();
  uint64_t tokens = 0;
  for (size_t i = 0; i < world.requests(); ++i) {
    const SimRequest& request = world.request(i);
    const bool answered = request.answer && request.answer->ok() && request.tokens.size() > 1;
    if (request.developer != developer || !answered) continue;
    if (const auto settled = ledger::FindSettledRecord(*view, *request.accepted)) {
      const bool doubtful = cast.conduct.contains(request.executor) && settled->paid == Amount(0);
      const bool wrong = doubtful || settled->status == ledger::InferenceStatus::kInvalidated;
      if (!wrong) tokens += settled->prompt_tokens + settled->output_tokens;
    } else if (const auto record = ledger::FindRecord(*view, *request.accepted)) {
      tokens += record->assignment.prompt_tokens;
      tokens += record->finish ? uint64_t{record->finish->output_tokens} : 0;
    }
  }
  return static_cast<double>(tokens * kPrice);
}

}  // namespace

SimOptions NetworkOf(size_t participants, uint64_t sim_seed) {
  SimOptions options{.sim_seed = sim_seed,
                     .participants = participants,
                     .developers = kDevelopers,
                     // The same delay for all that is said: a strategy that says more does not
                     // move the draws of those who have no part in it.
                     .links = {.delay_min_us = 5'000, .delay_max_us = 5'000},
                     .balance = Amount(2'000'000'000),
                     .allowance = Amount(1'000'000),
                     .price = Amount(kPrice),
                     .one_ledger = true};
  options.params.money.emission_initial = Amount(kEmissionEach * participants);
  options.params.money.accusation_bond = Amount(20'000);
  options.params.money.refused_event_fee = Amount(20);
  options.params.check.hearing_sample = CheckParams().hearing_sample;
  options.params.time.retained_epochs = 8;
  options.engine.us_per_prompt_token =
      options.engine.us_per_token / static_cast<int64_t>(kPrefillTimesCheaper);
  return options;
}

Cast Background(size_t participants) {
  Cast cast;
  const size_t count = std::max<size_t>(participants / 20, 1);
  for (size_t i = 0; i < count; ++i) {
    cast.conduct[participants - 2 - i] = {{.strategy = "cheats", .rate = Ppm{200'000}},
                                          {.strategy = "withholds_payload", .rate = Ppm{200'000}}};
  }
  return cast;
}

void Join(Cast& cast, const Cast& more) {
  for (const auto& [place, conduct] : more.conduct) {
    auto& all = cast.conduct[place];
    all.insert(all.end(), conduct.begin(), conduct.end());
  }
  for (const auto& [place, habits] : more.habits) cast.habits[place] = habits;
}

Wealth Live(Life life, const Cast& cast) {
  life.options.conduct = cast.conduct;
  life.options.habits = cast.habits;
  SimWorld world(life.options);
  const size_t each_block = 1 + life.options.participants / 5;
  while (world.epoch() < life.epochs) {
    for (size_t i = 0; i < each_block; ++i) {
      world.Post("how much?",
                 {.developer = (world.height() + i) % kDevelopers, .tokens_max = life.tokens_max});
    }
    world.RunBlocks(1);
  }
  world.RunToSettlementOf(life.epochs - 1);
  Wealth wealth;
  for (size_t i = 0; i < world.participants(); ++i) {
    wealth.participants.push_back(CoinsOf(world, world.participant(i)) - CostOf(world, i));
  }
  for (size_t i = 0; i < kDevelopers; ++i) {
    wealth.developers.push_back(CoinsOf(world, world.developer(i)) + ValueOf(world, cast, i));
  }
  wealth.refusals = world.refusals().size();
  return wealth;
}

}  // namespace gonka::testing
