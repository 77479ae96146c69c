#pragma once

// Small random checkpoints of every family, as Hugging Face folders, against transformers in fp32.

#include <cmath>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>

#include "engine/ask.h"

namespace gonka::engine {

using MakeLocal = std::function<absl::StatusOr<std::unique_ptr<LocalEngine>>(
    std::shared_ptr<const model::Checkpoint>, const LocalOptions&)>;

inline const nlohmann::json& ExpectedOfFamilies() {
  static const nlohmann::json expected =
      nlohmann::json::parse(std::ifstream(GONKA_SOURCE_DIR "/tests/golden/families/expected.json"));
  return expected["models"];
}

inline std::shared_ptr<const model::Checkpoint> Family(const std::string& family) {
  const auto checkpoint =
      model::Checkpoint::Open(GONKA_SOURCE_DIR "/tests/golden/families/" + family);
  REQUIRE_MESSAGE(checkpoint.ok(), ToString(checkpoint.status()));
  return *checkpoint;
}

// Of any log-probability over 512 tokens.
inline void CheckLogprobsOfFamilies(const MakeLocal& make, double tolerance) {
  REQUIRE(ExpectedOfFamilies().size() >= 9);
  for (const auto& [family, expected] : ExpectedOfFamilies().items()) {
    CAPTURE(family);
    const auto engine =
        make(Family(family), {.precision = Precision::kFp32, .chunk_alone = 100}).value();
    // Position i is what follows token i, so a token is put behind the last one.
    ScoreRequest request{.tokens = expected["prompt"].get<std::vector<uint32_t>>(),
                         .output_begin = 1,
                         .top_k_facts = 20};
    request.tokens.push_back(0);
    const auto scored = ScoreOf(*engine, request).value();
    REQUIRE(scored.size() == 512);
    double worst = 0;
    for (size_t i = 0; i < expected["positions"].size(); ++i) {
      const TokenFacts& facts = scored[expected["positions"][i].get<size_t>()].facts;
      const auto logprobs = expected["logprobs"][i].get<std::vector<double>>();
      worst = std::max(worst, std::abs(facts.logprob - logprobs[facts.id]));
      REQUIRE(facts.top.size() == 20);
      for (const auto& top : facts.top) {
        worst = std::max(worst, std::abs(top.logprob - logprobs[top.id]));
      }
    }
    MESSAGE(family, ": largest difference ", worst);
    CHECK(worst < tolerance);
  }
}

inline void CheckGreedyAnswersOfFamilies(const MakeLocal& make) {
  for (const auto& [family, expected] : ExpectedOfFamilies().items()) {
    CAPTURE(family);
    const auto engine = make(Family(family), {.precision = Precision::kFp32}).value();
    auto prompt = expected["prompt"].get<std::vector<uint32_t>>();
    prompt.resize(expected["greedy_from"].get<size_t>());
    const Answer answer =
        Ask(*engine, {.prompt = prompt, .tokens_max = 200, .sampler = {.temperature_ppm = 0}});
    CHECK(answer.Ids() == expected["greedy"].get<std::vector<uint32_t>>());
  }
}

}  // namespace gonka::engine
