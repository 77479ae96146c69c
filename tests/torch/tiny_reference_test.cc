// The tiny checkpoint against the forward pass of the script that trained it.

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "torch/tiny.h"

namespace gonka::engine {
namespace {

using Json = nlohmann::json;

const Json& Reference() {
  static const Json reference =
      Json::parse(std::ifstream(GONKA_SOURCE_DIR "/examples/tiny/reference.json"));
  return reference;
}

TEST_CASE("the tiny model's top five log-probabilities are those of its training script") {
  const auto engine = TinyEngine();
  REQUIRE(!Reference()["logits"].empty());
  for (const Json& entry : Reference()["logits"]) {
    CAPTURE(entry["text"].get<std::string>());
    const auto ids = entry["ids"].get<std::vector<uint32_t>>();
    // Position i of top5 is what follows ids[i], so a token is put behind the last one.
    ScoreRequest request{.tokens = ids, .output_begin = 1, .top_k_facts = 5};
    request.tokens.push_back(0);
    const auto scored = ScoreOf(*engine, request).value();
    REQUIRE(scored.size() == entry["top5"].size());
    for (size_t i = 0; i < scored.size(); ++i) {
      const Json& expected = entry["top5"][i];
      for (size_t k = 0; k < 5; ++k) {
        CHECK(scored[i].facts.top[k].id == expected["ids"][k].get<uint32_t>());
        CHECK(std::abs(scored[i].facts.top[k].logprob - expected["logprobs"][k].get<double>()) <
              1e-4);
      }
    }
  }
}

TEST_CASE("the tiny model's greedy answers are those of its training script") {
  const auto engine = TinyEngine();
  REQUIRE(!Reference()["prompts"].empty());
  for (const Json& entry : Reference()["prompts"]) {
    const auto expected = entry["greedy"]["ids"].get<std::vector<uint32_t>>();
    const Answer answer = Ask(*engine, {.prompt = entry["ids"].get<std::vector<uint32_t>>(),
                                        .tokens_max = static_cast<uint32_t>(expected.size()),
                                        .sampler = {.temperature_ppm = 0}});
    CHECK(answer.Ids() == expected);
  }
}

}  // namespace
}  // namespace gonka::engine
