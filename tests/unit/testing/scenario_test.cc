// Scenario files: what is refused, and that a run says what does not hold.

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "gonka/testing/scenario_run.h"

namespace gonka::testing {
namespace {

// A whole file with this network, timeline and expectations.
std::string File(const std::string& network, const std::string& timeline,
                 const std::string& expect) {
  return fmt::format(
      R"({{"name": "n", "covers": [], "why": "w", "seeds": [1], "network": {{{}}},
          "timeline": [{}], "settled": 0, "expect": {{{}}}}})",
      network, timeline, expect);
}

std::string ErrorOf(const std::string& text) {
  return Message(ReadScenario("s.json", text).status());
}

TEST_CASE("what is misspelt or out of range is named, with file, field and value") {
  struct Row {
    std::string text;
    std::string error;
  };
  const Row rows[] = {
      {"", "s.json: the file is no JSON"},
      {"[]", "s.json: the file must be an object, is []"},
      {"{}", "s.json: name is missing"},
      {R"({"name": "a", "name": "b"})", "s.json: name stands twice in one object"},
      {std::string(100, '['), "s.json: the file nests deeper than 16 levels"},
      {File(R"("participant": 5)", "", ""), "s.json: network.participant is unknown; known are: "},
      {File(R"("participants": 0)", "", ""),
       "s.json: network.participants must be in 1..200, is 0"},
      {File(R"("participants": -1)", "", ""),
       "s.json: network.participants must be a whole number in 0..9223372036854775807, is -1"},
      {File(R"("participants": "5")", "", ""),
       "s.json: network.participants must be a whole number"},
      {File(R"("participants": 2, "weights": [1, 2, 3])", "", ""),
       "s.json: network.weights has 3 places, participants are 2"},
      {File(R"("allowance": 9000000)", "", ""),
       "s.json: network.allowance is 9000000 for each of 5"},
      {File(R"("links": {"loss": 1000001})", "", ""),
       "s.json: network.links.loss must be a whole number in 0..1000000, is 1000001"},
      {File(R"("params": {"check.rate": 1})", "", ""), "s.json: network.params : "},
      {File(R"("params": {"pricing.step_max": 30000})", "", ""),
       "s.json: network.params : pricing.step_max must be in 0..20000, is 30000"},
      {File("", R"({"block": 1})", ""), "s.json: timeline[0] must have one action, has 0"},
      {File("", R"({"crash": 1, "cut": 1})", ""),
       "s.json: timeline[0] must have one action, has 2"},
      {File("", R"({"crash": 5})", ""),
       "s.json: timeline[0].crash names participant 5, there are 5"},
      {File("", R"({"crash": "executor of x"})", ""),
       "s.json: timeline[0].crash names the request 'x', which no earlier step asks"},
      {File("", R"({"ask": {"developer": 2}})", ""),
       "s.json: timeline[0].ask.developer names developer 2, there are 2"},
      {File("", R"({"ask": {"count": 0}})", ""), "s.json: timeline[0].ask.count must be in 1..100"},
      {File("", R"({"behave": {"who": 1, "conduct": [{"strategy": "cheat"}]}})", ""),
       "s.json: timeline[0].behave.conduct : there is no strategy 'cheat'; there are: honest"},
      {File("", R"({"allow": {"amount": 1, "code": "fine"}})", ""),
       "s.json: timeline[0].allow.code is no code of the ledger: 'fine'"},
      {File("", R"({"times": 20001, "join": true})", ""), "s.json: timeline[0] is too late, or"},
      {File("", "", R"("convicted": [5])"), "s.json: expect.convicted names participant 5"},
      {File("", "", R"("records": {"good": 1})"),
       "s.json: expect.records.good is none of the ledger"},
      {File("", "", R"("answered": {"min": 2, "max": 1})"),
       "s.json: expect.answered must be min up"},
      {File("", "", R"("answered": {})"),
       "s.json: expect.answered must be bounded somewhere, is {}"},
      {File("", "", R"("notices": [{"notice": "paid_out"}])"),
       "s.json: expect.notices[0].notice is no kind: 'paid_out'; there are: epoch_started, "},
      {File("", "", R"("notices": [{"notice": "paid", "where": {"who": 1}}])"),
       "s.json: expect.notices[0].where names 'who', which the notice has not"},
      {File("", "", R"("requests": [{"request": "x"}])"),
       "s.json: expect.requests[0].request names"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(ErrorOf(row.text).substr(0, row.error.size()) == row.error);
  }
}

TEST_CASE("conduct and habits are checked against those that there are") {
  const auto with = [](const std::string& field) {
    std::string text = File("", "", "");
    return ErrorOf(text.insert(1, field + ", "));
  };
  CHECK(with(R"("conduct": {"one": []})") ==
        "s.json: conduct must name places by number, names 'one'");
  CHECK(with(R"("conduct": {"9": []})") == "s.json: conduct names participant 9, there are 5");
  CHECK(with(R"("conduct": {"1": [{}]})").starts_with("s.json: conduct.1[0].strategy is missing"));
  CHECK(with(R"("habits": {"0": [{"strategy": "cheats"}]})")
            .starts_with("s.json: habits.0 : there is no habit 'cheats'; there are: "));
  CHECK(with(R"("conduct": {"1": [{"strategy": "cheats", "odds": 1}]})")
            .starts_with("s.json: conduct.1[0].odds is unknown; known are: "));
}

TEST_CASE("an entry that repeats becomes several, in order of time") {
  const auto scenario = ReadScenario(
      "s.json",
      File("", R"({"epoch": 1, "crash": 1}, {"block": 3, "every": 2, "times": 3, "ask": {}})", ""));
  REQUIRE(scenario.ok());
  std::vector<uint64_t> heights;
  for (const TimedStep& step : scenario->timeline) heights.push_back(step.height);
  CHECK(heights == std::vector<uint64_t>{4, 6, 8, 61});
}

TEST_CASE("a run says what was expected and does not hold, and is the same for the same seed") {
  const std::string timeline =
      R"({"block": 5, "ask": {"as": "it"}}, {"block": 6, "crash": 0}, {"block": 8, "crash": 0})";
  const std::string expect =
      R"("convicted": [1], "answered": 2, "records": {"expired": 1},
         "requests": [{"request": "it", "status": "expired"}],
         "notices": [{"notice": "record_opened", "where": {"developer": "developer 0"}, "count": 0}],
         "against_honest": {"participants": [1]})";
  const auto scenario = ReadScenario("s.json", File("", timeline, expect));
  REQUIRE_MESSAGE(scenario.ok(), Message(scenario.status()));
  std::string story;
  const StoryLine tell = [&](const std::string& line) { story += line + "\n"; };
  const ScenarioReport report = RunScenario(*scenario, 3, tell);
  CHECK(report.failures ==
        std::vector<std::string>{
            "height 9: participant 0 is down already", "participant 1 is not convicted",
            "the number of notices record_opened developer developer 0 is 1, expected 0",
            "the number of expired records is 0, expected 1",
            "the number of answered requests is 1, expected 2", "it is validated, expected expired",
            report.failures.back()});
  CHECK(report.failures.back().starts_with("they gained "));
  CHECK(story.find("epoch 0 is settled: 1 records") != std::string::npos);
  CHECK(RunScenario(*scenario, 3, tell).transcript == report.transcript);
  CHECK(RunScenario(*scenario, 4, tell).transcript != report.transcript);
}

}  // namespace
}  // namespace gonka::testing
