// Small random checkpoints of every family, as Hugging Face folders, against transformers in fp32.

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "torch/ask.h"

namespace gonka::engine {
namespace {

using Json = nlohmann::json;

constexpr double kTolerance = 1e-4;  // Of any log-probability.

const Json& Expected() {
  static const Json expected =
      Json::parse(std::ifstream(GONKA_SOURCE_DIR "/tests/golden/families/expected.json"));
  return expected["models"];
}

std::unique_ptr<TorchEngine> EngineOf(const std::string& family) {
  const std::string folder = GONKA_SOURCE_DIR "/tests/golden/families/" + family;
  const auto checkpoint = model::Checkpoint::Open(folder);
  REQUIRE_MESSAGE(checkpoint.ok(), ToString(checkpoint.status()));
  return TorchEngine::Create(*checkpoint, {.precision = Precision::kFp32, .chunk_alone = 100})
      .value();
}

}  // namespace

TEST_CASE("log-probabilities over 512 tokens are those of transformers, in every family") {
  REQUIRE(Expected().size() >= 9);
  for (const auto& [family, expected] : Expected().items()) {
    CAPTURE(family);
    const auto engine = EngineOf(family);
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
    CHECK(worst < kTolerance);
  }
}

TEST_CASE("greedy answers of 200 tokens are those of transformers, in every family") {
  for (const auto& [family, expected] : Expected().items()) {
    CAPTURE(family);
    const auto engine = EngineOf(family);
    auto prompt = expected["prompt"].get<std::vector<uint32_t>>();
    prompt.resize(expected["greedy_from"].get<size_t>());
    const Answer answer =
        Ask(*engine, {.prompt = prompt, .tokens_max = 200, .sampler = {.temperature_ppm = 0}});
    CHECK(answer.Ids() == expected["greedy"].get<std::vector<uint32_t>>());
  }
}

}  // namespace gonka::engine
