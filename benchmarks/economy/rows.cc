#include "rows.h"

#include <fmt/format.h>

#include <numeric>

namespace gonka::testing {
namespace {

using Seats = std::span<const size_t>;

std::vector<size_t> Numbers(size_t count) {
  std::vector<size_t> numbers(count);
  std::iota(numbers.begin(), numbers.end(), size_t{0});
  return numbers;
}

// The first seat acts alone.
Row Alone(const std::string& strategy, uint32_t percent = 100) {
  return {.name = percent == 100 ? strategy : fmt::format("{} {} %", strategy, percent),
          .strategy = [=](Seats seats) -> Cast {
            return {
                .conduct = {{seats[0], {{.strategy = strategy, .rate = Ppm{percent * 10'000}}}}},
                .habits = {}};
          }};
}

// The second seat is a friend that would pay for it, and cheats on a fifth of its answers anyway if
// so.
Row ForFriend(const std::string& strategy, bool friend_cheats) {
  Row row{.name = strategy + " for a friend",
          .seats = 2,
          .strategy = [=](Seats seats) -> Cast {
            return {.conduct = {{seats[0], {{.strategy = strategy, .friends = {seats[1]}}}}},
                    .habits = {}};
          },
          .payers = {1}};
  if (friend_cheats) {
    row.always = [](Seats seats) -> Cast {
      return {.conduct = {{seats[1], {{.strategy = "cheats", .rate = Ppm{200'000}}}}},
              .habits = {}};
    };
  }
  return row;
}

Row AgainstVictim(const std::string& strategy) {
  return {.name = strategy + " a victim", .seats = 2, .strategy = [=](Seats seats) -> Cast {
            return {.conduct = {{seats[0], {{.strategy = strategy, .victims = {seats[1]}}}}},
                    .habits = {}};
          }};
}

// The second seat has lost its payloads, so that there is one copy of what passes through it.
Row WithholdsPayload() {
  Row row = Alone("withholds_payload");
  row.seats = 2;
  row.always = [](Seats seats) -> Cast {
    return {.conduct = {{seats[1], {{.strategy = "withholds_payload"}}}}, .habits = {}};
  };
  return row;
}

// All of them cheat and swear for one another, in checks and in committees.
Row Together(std::string name, size_t members) {
  return {
      .name = std::move(name),
      .seats = members,
      .strategy =
          [](Seats seats) {
            Cast cast;
            const std::vector<size_t> all(seats.begin(), seats.end());
            for (const size_t seat : all) {
              cast.conduct[seat] = {{.strategy = "cheats"}, {.strategy = "cartel", .friends = all}};
            }
            return cast;
          },
      .actors = Numbers(members)};
}

// One cheats on all of its answers, and the others pass them unseen; what they gain together is
// there to be shared.
Row Bribery(size_t bribed) {
  return {.name = fmt::format("bribes {} validators", bribed),
          .seats = bribed + 1,
          .strategy =
              [](Seats seats) {
                Cast cast;
                cast.conduct[seats[0]] = {{.strategy = "cheats"}};
                for (const size_t seat : seats.subspan(1)) {
                  cast.conduct[seat] = {{.strategy = "approves_friends", .friends = {seats[0]}}};
                }
                return cast;
              },
          .actors = Numbers(bribed + 1)};
}

Row CheatsOnceTrusted(uint32_t percent) {
  return {.name = fmt::format("cheats {} % once trusted", percent),
          .strategy = [=](Seats seats) -> Cast {
            return {.conduct = {{seats[0],
                                 {{.strategy = "cheats",
                                   .rate = Ppm{percent * 10'000},
                                   .reputation = Ppm{Ppm::kOne}}}}},
                    .habits = {}};
          },
          .network =
              [](SimOptions& options) {
                // Trusted after two epochs, and checked as seldom as five times an epoch then.
                options.params.reputation.epochs_to_full = 2;
                options.params.check.traffic_cut = 10;
                options.params.check.traffic_half = 50;
                options.params.check.traffic_full = 100;
              },
          .epochs = 6};
}

Row InSprint(const std::string& strategy) {
  Row row = Alone(strategy);
  row.network = [](SimOptions& options) {
    options.params.sprint = {.lead_blocks = 40,
                             .window_blocks = 8,
                             .check_blocks = 4,
                             .reveal_blocks = 3,
                             .input_tokens = 24,
                             .positions = 4,
                             .samples = 6,
                             .checkers = 3};
    options.engine.us_per_prompt_token = 20'000;
  };
  row.epochs = 3;
  return row;
}

// There is something to find, and it is opened: the second seat computes with a cheap model.
Row ApprovesInSprint() {
  Row row = InSprint("sprint_approves");
  row.seats = 2;
  row.always = [](Seats seats) -> Cast {
    return {.conduct = {{seats[1], {{.strategy = "sprint_free_rider"}}}}, .habits = {}};
  };
  return row;
}

Row TakesLongAndDenies() {
  Row row = AgainstVictim("takes_and_denies");
  row.name = "takes 128 tokens and denies";
  row.tokens_max = 160;
  return row;
}

Row OfDeveloper(const std::string& habit, bool with_friends, bool against_odd = false) {
  Row row{.name = habit,
          .seats = with_friends ? size_t{2} : size_t{1},
          .strategy =
              [=](Seats seats) {
                Cast cast;
                Conduct conduct{.strategy = habit};
                if (with_friends) conduct.friends.assign(seats.begin(), seats.end());
                if (against_odd) conduct.victims = {seats[0]};
                cast.habits[0] = {conduct};
                return cast;
              },
          .actors = with_friends ? Numbers(2) : Numbers(0),
          .is_developer = true};
  if (against_odd) {
    row.always = [](Seats seats) -> Cast {
      return {.conduct = {{seats[0], {{.strategy = "odd_hardware"}}}}, .habits = {}};
    };
  }
  return row;
}

}  // namespace

std::vector<Row> RowsOf(size_t participants) {
  const auto often = [](Row row, uint64_t times) {
    row.times = times;
    return row;
  };
  return {often(Alone("cheats", 1), 6),
          often(Alone("cheats", 10), 2),
          Alone("cheats"),
          often(CheatsOnceTrusted(20), 2),
          CheatsOnceTrusted(100),
          Alone("prefills"),
          Alone("other_model"),
          Alone("tampers"),
          Alone("refuses"),
          Alone("goes_silent", 20),
          WithholdsPayload(),
          Alone("never_checks"),
          often(Alone("approves_unseen"), 6),
          often(ForFriend("approves_friends", true), 4),
          Alone("accuses"),
          AgainstVictim("accuses"),
          Alone("flips_verdicts"),
          Alone("judges_unasked"),
          AgainstVictim("frames"),
          ForFriend("steers", false),
          ForFriend("names_friend", false),
          Alone("withholds_start"),
          Alone("never_delivers"),
          Alone("delivers_other"),
          AgainstVictim("takes_and_denies"),
          TakesLongAndDenies(),
          Alone("replays"),
          Alone("floods"),
          Together("colluding pair", 2),
          Together("cartel of 40 %", participants * 2 / 5),
          Together("sybil farm of 20 %", std::max<size_t>(participants / 5, 1)),
          Bribery(std::max<size_t>(participants / 10, 1)),
          InSprint("sprint_free_rider"),
          InSprint("sprint_overclaims"),
          InSprint("sprint_copies"),
          ApprovesInSprint(),
          OfDeveloper("disputes_everything", false),
          OfDeveloper("spends_everywhere", false),
          OfDeveloper("searches_odd_prompts", false, true),
          OfDeveloper("wash_trader", true)};
}

}  // namespace gonka::testing
