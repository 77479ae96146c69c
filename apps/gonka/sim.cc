#include <fmt/format.h>

#include "gonka/commands.h"
#include "gonka/host/files.h"
#include "gonka/testing/scenario_run.h"

namespace gonka::cli {
namespace {

constexpr size_t kScenarioBytesMax = 1 << 20;

struct SimFlags {
  std::string scenario;
  std::vector<uint64_t> seeds;
  bool quiet = false;
  bool list = false;
};

void PrintStrategies() {
  fmt::print("strategies of participants (\"conduct\"):\n");
  for (const auto& info : testing::Strategies()) fmt::print("  {:<22}{}\n", info.name, info.about);
  fmt::print("habits of developers (\"habits\"):\n");
  for (const auto& info : testing::Habits()) fmt::print("  {:<22}{}\n", info.name, info.about);
}

// How many expectations do not hold.
size_t RunSeed(const testing::Scenario& scenario, uint64_t sim_seed, bool quiet) {
  fmt::print("=== {} (seed {})\n", scenario.name, sim_seed);
  const auto report = testing::RunScenario(scenario, sim_seed, [&](const std::string& line) {
    if (!quiet) fmt::print("{}\n", line);
  });
  fmt::print("transcript {} after {} blocks\n", Hex(report.transcript), report.height);
  for (const std::string& failure : report.failures) fmt::print("FAILED: {}\n", failure);
  if (report.failures.empty()) fmt::print("everything expected holds\n");
  return report.failures.size();
}

absl::Status Sim(const SimFlags& flags) {
  if (flags.list) {
    PrintStrategies();
    return absl::OkStatus();
  }
  GONKA_ASSIGN_OR_RETURN(const std::string text, host::ReadFile(flags.scenario, kScenarioBytesMax));
  GONKA_ASSIGN_OR_RETURN(const auto scenario, testing::ReadScenario(flags.scenario, text));
  if (!flags.quiet) {
    fmt::print("{}\n", scenario.why);
    for (const std::string& covered : scenario.covers) fmt::print("covers: {}\n", covered);
  }
  size_t failures = 0;
  for (const uint64_t seed : flags.seeds.empty() ? scenario.seeds : flags.seeds) {
    failures += RunSeed(scenario, seed, flags.quiet);
  }
  if (failures == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{}: {} expectations do not hold", flags.scenario, failures));
}

}  // namespace

void AddSimCommand(CLI::App& app, Context& context) {
  CLI::App* sim = app.add_subcommand(
      "sim", "live through a scenario: a whole network in one thread; no node needed");
  auto flags = std::make_shared<SimFlags>();
  auto* scenario = sim->add_option("--scenario", flags->scenario, "a file as in tests/scenarios")
                       ->check(CLI::ExistingFile);
  sim->add_option("--seed", flags->seeds, "instead of the file's; the same seed, the same run");
  sim->add_flag("--quiet", flags->quiet, "no story, only what became of the expectations");
  auto* list = sim->add_flag("--list", flags->list, "the strategies that a scenario may name");
  list->excludes(scenario);
  sim->callback([flags, &context] {
    if (!flags->list && flags->scenario.empty()) throw CLI::RequiredError("--scenario or --list");
    context.run = [flags] { return Sim(*flags); };
  });
}

}  // namespace gonka::cli
