#pragma once

// Runs a scenario from one seed and says whether what it expects held. The same scenario and seed
// give the same run, to the byte.
//
// A violated invariant of the world (coins, agreement, an honest participant convicted, pay for
// what was not served) aborts the process, as in every SimWorld.

#include <functional>

#include "gonka/testing/scenario.h"

namespace gonka::testing {

struct ScenarioReport {
  uint64_t sim_seed = 0;
  uint64_t height = 0;
  Hash transcript;                    // Of everything that was said, and of every block.
  std::vector<std::string> failures;  // What was expected and does not hold.
};

// A line of the story, without its end.
using StoryLine = std::function<void(const std::string& line)>;

ScenarioReport RunScenario(const Scenario& scenario, uint64_t sim_seed, const StoryLine& tell);

}  // namespace gonka::testing
