// A scenario file: what is read has places, labels and numbers that a run can use, and nothing
// else gets through.

#include "gonka/testing/scenario.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::testing;
  const auto scenario =
      ReadScenario("fuzz.json", std::string_view(reinterpret_cast<const char*>(data), size));
  if (!scenario.ok()) return 0;
  GONKA_CHECK(!scenario->seeds.empty());
  const size_t places = scenario->network.participants + scenario->network.newcomers;
  for (const auto& [place, conduct] : scenario->network.conduct) {
    GONKA_CHECK(place < places);
    for (const Conduct& one : conduct) GONKA_CHECK(MakeStrategy(one.strategy).ok());
  }
  for (const size_t place : scenario->expect.convicted) GONKA_CHECK(place < places);
  uint64_t height = 0;
  for (const TimedStep& step : scenario->timeline) {
    GONKA_CHECK(step.height >= height);
    height = step.height;
  }
  return 0;
}
