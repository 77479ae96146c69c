// What each strategy gains per epoch against honesty: the same simulated network is lived through
// twice from each seed, once with the strategy and once without, and the wealth of those who follow
// it is compared. Coins alone are counted, not the computing that a cheat saves.
//
//   economy [participants [seeds [strategy]]]

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <string>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {
namespace {

constexpr uint64_t kEpochs = 2;
constexpr size_t kDevelopers = 3;

// Who follows which strategies. Participant 0 acts, 1 is its friend or victim.
struct Row {
  std::string name;
  std::map<size_t, std::vector<Conduct>> conduct;
  std::map<size_t, std::vector<Conduct>> habits;
};

Row Alone(const std::string& strategy) {
  return {.name = strategy, .conduct = {{0, {{.strategy = strategy}}}}, .habits = {}};
}

Row AtRate(const std::string& strategy, uint32_t percent) {
  return {.name = fmt::format("{} {} %", strategy, percent),
          .conduct = {{0, {{.strategy = strategy, .rate = Ppm{percent * 10'000}}}}},
          .habits = {}};
}

Row WithFriend(const std::string& strategy) {
  return {.name = strategy + " for a friend",
          .conduct = {{0, {{.strategy = strategy, .friends = {1}}}}},
          .habits = {}};
}

Row AgainstVictim(const std::string& strategy) {
  return {.name = strategy + " a victim",
          .conduct = {{0, {{.strategy = strategy, .victims = {1}}}}},
          .habits = {}};
}

Row Pair() {
  const auto one = [](size_t other) {
    return std::vector<Conduct>{{.strategy = "cheats"},
                                {.strategy = "approves_friends", .friends = {other}}};
  };
  return {.name = "colluding pair", .conduct = {{0, one(1)}, {1, one(0)}}, .habits = {}};
}

Row Cartel(size_t participants) {
  Row row{.name = "cartel of 40 %", .conduct = {}, .habits = {}};
  std::vector<size_t> members;
  for (size_t i = 0; i < participants * 2 / 5; ++i) members.push_back(i);
  for (const size_t i : members) {
    row.conduct[i] = {{.strategy = "cartel", .friends = members}};
  }
  row.conduct[0].push_back({.strategy = "cheats"});
  return row;
}

Row OfDeveloper(const std::string& habit, std::vector<size_t> friends) {
  Row row{.name = habit, .conduct = {}, .habits = {}};
  row.habits[0] = {{.strategy = habit, .friends = friends}};
  for (const size_t place : friends) row.conduct[place] = {{.strategy = "honest"}};
  return row;
}

std::vector<Row> Rows(size_t participants) {
  return {AtRate("cheats", 1),
          AtRate("cheats", 10),
          AtRate("cheats", 100),
          Alone("prefills"),
          Alone("other_model"),
          Alone("tampers"),
          Alone("refuses"),
          AtRate("goes_silent", 20),
          Alone("withholds_payload"),
          Alone("never_checks"),
          Alone("approves_unseen"),
          WithFriend("approves_friends"),
          Alone("accuses"),
          AgainstVictim("accuses"),
          Alone("flips_verdicts"),
          Alone("judges_unasked"),
          AgainstVictim("frames"),
          WithFriend("steers"),
          WithFriend("names_friend"),
          Alone("withholds_start"),
          Alone("never_delivers"),
          Alone("delivers_other"),
          AgainstVictim("takes_and_denies"),
          Alone("replays"),
          Alone("floods"),
          Pair(),
          Cartel(participants),
          OfDeveloper("disputes_everything", {}),
          OfDeveloper("wash_trader", {0, 1})};
}

SimOptions NetworkOf(size_t participants, uint64_t sim_seed) {
  SimOptions options{.sim_seed = sim_seed,
                     .participants = participants,
                     .developers = kDevelopers,
                     .balance = Amount(100'000'000),
                     .allowance = Amount(1'000'000)};
  options.params.check.hearing_sample = CheckParams().hearing_sample;
  return options;
}

int64_t WealthOf(const SimWorld& world, const AccountId& account) {
  uint64_t wealth = world.Balance(account).units();
  if (const auto about = ledger::FindParticipant(*world.Ledger(), account)) {
    wealth += about->collateral.units();
    for (const auto& part : about->unbonding) wealth += part.amount.units();
  }
  return static_cast<int64_t>(wealth);
}

// What the row's actors have after some epochs of everybody's requests.
int64_t Live(SimOptions options, const Row& row, bool honestly) {
  if (!honestly) {
    options.conduct = row.conduct;
    options.habits = row.habits;
  }
  SimWorld world(options);
  const size_t each_block = 1 + options.participants / 5;
  while (world.epoch() < kEpochs) {
    for (size_t i = 0; i < each_block; ++i) {
      world.Post("how much?", {.developer = (world.height() + i) % kDevelopers, .tokens_max = 8});
    }
    world.RunBlocks(1);
  }
  world.RunToSettlementOf(kEpochs - 1);
  int64_t wealth = 0;
  for (const auto& [place, conduct] : row.conduct)
    wealth += WealthOf(world, world.participant(place));
  for (const auto& [place, habits] : row.habits) wealth += WealthOf(world, world.developer(place));
  return wealth;
}

struct Gain {
  double mean = 0;
  double margin = 0;  // Of the 95 % interval, by the normal distribution.
};

Gain GainOf(const Row& row, size_t participants, uint64_t seeds) {
  double sum = 0;
  double squares = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const SimOptions options = NetworkOf(participants, seed);
    const auto gain = static_cast<double>(Live(options, row, false) - Live(options, row, true)) /
                      static_cast<double>(kEpochs);
    sum += gain;
    squares += gain * gain;
  }
  const auto n = static_cast<double>(seeds);
  const double mean = sum / n;
  const double variance = seeds > 1 ? std::max(0.0, squares - n * mean * mean) / (n - 1) : 0;
  return {.mean = mean, .margin = 1.96 * std::sqrt(variance / n)};
}

const char* Judgement(const Gain& gain) {
  if (gain.mean + gain.margin < 0) return "loses";
  if (gain.mean - gain.margin > 0) return "GAINS";
  return gain.mean == 0 ? "nothing" : "undecided";
}

}  // namespace
}  // namespace gonka::testing

int main(int argc, char** argv) {
  using namespace gonka::testing;
  const size_t participants = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 5;
  const uint64_t seeds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 5;
  if (participants < 3 || participants > 200 || seeds < 1) {
    fmt::print(stderr, "usage: economy [participants (3 to 200) [seeds (1 or more) [strategy]]]\n");
    return EXIT_FAILURE;
  }
  fmt::print("{} participants, {} seeds, {} epochs each; emission 1,000,000 an epoch\n",
             participants, seeds, 2);
  fmt::print("{:<28}{:>14}{:>12}\n", "strategy", "gain an epoch", "+- 95 %");
  for (const Row& row : Rows(participants)) {
    if (argc > 3 && row.name.find(argv[3]) == std::string::npos) continue;
    const Gain gain = GainOf(row, participants, seeds);
    fmt::print("{:<28}{:>14.0f}{:>12.0f}  {}\n", row.name, gain.mean, gain.margin, Judgement(gain));
    std::fflush(stdout);
  }
  return EXIT_SUCCESS;
}
