// What each strategy gains per epoch against honesty: the same simulated network is lived through
// twice from each seed, once with the strategy and once without, and what those who follow it have
// is compared: coins, less the cost of the computing that they did.
//
//   economy [participants [seeds [strategy]]]
//
// From 200 participants on all strategies that can are followed at once, each by other
// participants, in one pair of lives.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "lives.h"

namespace gonka::testing {
namespace {

constexpr size_t kMixedFrom = 200;
constexpr uint32_t kTokensMax = 8;

// Of one row: what its actors gained, and what those who could bribe them did.
struct Sample {
  double gain = 0;
  double payers_gain = 0;
};

struct Copy {
  const Row* row;
  std::vector<size_t> seats;
};

std::vector<Copy> Seat(std::span<const Row* const> rows, size_t copies, size_t participants) {
  std::vector<Copy> seated;
  const size_t free = participants - 1 - Background(participants).conduct.size();
  size_t next = 0;
  for (const Row* row : rows) {
    for (size_t i = 0; i < copies; ++i) {
      if (next + row->seats > free) return seated;
      Copy copy{.row = row, .seats = {}};
      for (size_t seat = 0; seat < row->seats; ++seat) copy.seats.push_back(next++);
      seated.push_back(std::move(copy));
    }
  }
  return seated;
}

double Gained(const Copy& copy, const std::vector<size_t>& who, const Wealth& life,
              const Wealth& honest) {
  double gained = 0;
  for (const size_t seat : who) {
    const size_t place = copy.seats[seat];
    gained += life.participants[place] - honest.participants[place];
  }
  return gained;
}

struct Result {
  std::map<const Row*, std::vector<Sample>> samples;
  std::map<uint64_t, Wealth> honest_lives;  // By seed: the same for all rows of the usual network.
};

// Both lives from one seed.
void Compare(const std::vector<Copy>& copies, size_t participants, uint64_t seed, Result& result) {
  const Row& row = *copies.front().row;
  Life life{.options = NetworkOf(participants, seed),
            .epochs = row.epochs,
            .tokens_max = row.tokens_max > 0 ? row.tokens_max : kTokensMax};
  if (row.network) row.network(life.options);
  Cast always = Background(participants);
  Cast strategy;
  for (const Copy& copy : copies) {
    if (copy.row->always) Join(always, copy.row->always(copy.seats));
    Join(strategy, copy.row->strategy(copy.seats));
  }
  const bool usual =
      !row.always && !row.network && row.tokens_max == 0 && copies.front().row == copies.back().row;
  if (!usual || !result.honest_lives.contains(seed)) {
    result.honest_lives[usual ? seed : 0] = Live(life, always);
  }
  const Wealth& honest = result.honest_lives[usual ? seed : 0];
  Join(always, strategy);
  const Wealth lived = Live(life, always);
  for (const Copy& copy : copies) {
    Sample sample{.gain = Gained(copy, copy.row->actors, lived, honest),
                  .payers_gain = Gained(copy, copy.row->payers, lived, honest)};
    if (row.is_developer) sample.gain += lived.developers[0] - honest.developers[0];
    sample.gain /= static_cast<double>(row.epochs);
    sample.payers_gain /= static_cast<double>(row.epochs);
    result.samples[copy.row].push_back(sample);
  }
}

struct Estimate {
  double mean = 0;
  double margin = 0;  // Of the 95 % interval, by the normal distribution.
};

Estimate EstimateOf(const std::vector<Sample>& samples, double Sample::*value) {
  double sum = 0;
  double squares = 0;
  for (const Sample& sample : samples) {
    sum += sample.*value;
    squares += sample.*value * (sample.*value);
  }
  const auto n = static_cast<double>(samples.size());
  const double mean = sum / n;
  const double variance = n > 1 ? std::max(0.0, squares - n * mean * mean) / (n - 1) : 0;
  return {.mean = mean, .margin = 1.96 * std::sqrt(variance / n)};
}

const char* Judgement(const Estimate& gain, size_t samples) {
  if (samples < 2) return "one sample";
  if (gain.mean + gain.margin < 0) return "loses";
  if (gain.mean - gain.margin > 0) return "GAINS";
  return gain.mean == 0 ? "nothing" : "undecided";
}

void Print(const Row& row, const std::vector<Sample>& samples) {
  const Estimate gain = EstimateOf(samples, &Sample::gain);
  fmt::print("{:<28}{:>12.0f}{:>10.0f}{:>6}  {}", row.name, gain.mean, gain.margin, samples.size(),
             Judgement(gain, samples.size()));
  if (!row.payers.empty()) {
    const Estimate payer = EstimateOf(samples, &Sample::payers_gain);
    fmt::print("; the friend gains {:.0f} +- {:.0f}, a bribe needs {:.0f}", payer.mean,
               payer.margin, std::max(0.0, -gain.mean));
  }
  fmt::print("\n");
  std::fflush(stdout);
}

void PrintRefusals(const Result& result) {
  uint64_t refusals = 0;
  for (const auto& [seed, life] : result.honest_lives) refusals += life.refusals;
  fmt::print("events refused in {} lives without any row: {}\n", result.honest_lives.size(),
             refusals);
}

// What takes long comes last.
void RunOneByOne(std::vector<const Row*> rows, size_t participants, uint64_t seeds) {
  std::stable_sort(rows.begin(), rows.end(), [](const Row* a, const Row* b) {
    return a->mixes() != b->mixes() ? a->mixes() : a->times < b->times;
  });
  const size_t copies_max = std::max<size_t>(participants / 25, 1);
  Result result;
  for (const Row* row : rows) {
    const bool large = row->is_developer || row->seats * copies_max > participants / 5;
    const auto copies = Seat(std::span(&row, 1), large ? 1 : copies_max, participants);
    if (copies.empty()) {
      fmt::print("{:<28}needs more participants\n", row->name);
      continue;
    }
    const uint64_t lives = (seeds * row->times + copies.size() - 1) / copies.size();
    for (uint64_t seed = 1; seed <= lives; ++seed) {
      Compare(copies, participants, seed, result);
    }
    Print(*row, result.samples[row]);
  }
  PrintRefusals(result);
}

void RunTogether(std::vector<const Row*> rows, size_t participants, uint64_t seeds) {
  const size_t copies_max = participants / 200;
  std::erase_if(rows, [&](const Row* row) {
    const bool fits = row->mixes() && row->seats * copies_max <= participants / 50;
    if (!fits) fmt::print("{:<28}not measured\n", row->name);
    return !fits;
  });
  if (rows.empty()) return;
  Result result;
  const auto copies = Seat(rows, copies_max, participants);
  for (uint64_t seed = 1; seed <= seeds; ++seed) Compare(copies, participants, seed, result);
  for (const Row* row : rows) {
    if (result.samples.contains(row)) Print(*row, result.samples[row]);
  }
  PrintRefusals(result);
}

}  // namespace
}  // namespace gonka::testing

int main(int argc, char** argv) {
  using namespace gonka::testing;
  const size_t participants = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 5;
  const uint64_t seeds = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 5;
  if (participants < 5 || participants > 2'000 || seeds < 1) {
    fmt::print(stderr,
               "usage: economy [participants (5 to 2000) [seeds (1 or more) [strategy]]]\n");
    return EXIT_FAILURE;
  }
  const std::vector<Row> all = RowsOf(participants);
  std::vector<const Row*> rows;
  for (const Row& row : all) {
    if (argc <= 3 || row.name.find(argv[3]) != std::string::npos) rows.push_back(&row);
  }
  fmt::print("{} participants, {} seeds\n{:<28}{:>12}{:>10}{:>6}\n", participants, seeds,
             "strategy", "an epoch", "+- 95 %", "n");
  if (participants < kMixedFrom) {
    RunOneByOne(rows, participants, seeds);
  } else {
    RunTogether(rows, participants, seeds);
  }
  return EXIT_SUCCESS;
}
