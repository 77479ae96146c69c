// Tolerances: two fp32 passes over the same tokens that are cut or batched differently differ by
// rounding only. On the tiny model that stays below 1e-5 nats; 1e-4 is asserted.

#include <algorithm>
#include <cmath>

#include "gonka/engine/torch.h"
#include "torch/tiny.h"

namespace gonka::engine {
namespace {

constexpr double kTolerance = 1e-4;

GenerateRequest Request(uint8_t seed, uint32_t tokens_max = 40) {
  GenerateRequest request{
      .tokens_max = tokens_max, .top_k_facts = 5, .sampling_seed = SeedOf(seed)};
  for (uint32_t i = 0; i < 5 + seed * 7U % 60; ++i) {
    request.prompt.push_back((994 + seed * 131 + i * i * 17) % 2048);
  }
  return request;
}

void CheckSameFacts(const TokenFacts& a, const TokenFacts& b) {
  CHECK(a.id == b.id);
  CHECK(std::abs(a.logprob - b.logprob) < kTolerance);
  REQUIRE(a.top.size() == b.top.size());
  for (size_t k = 0; k < a.top.size(); ++k) {
    CHECK(std::abs(a.top[k].logprob - b.top[k].logprob) < kTolerance);
  }
}

void CheckSameAnswer(const Answer& a, const Answer& b) {
  REQUIRE(a.Ids() == b.Ids());
  for (size_t i = 0; i < a.tokens.size(); ++i) CheckSameFacts(a.tokens[i], b.tokens[i]);
}

TEST_CASE("what was generated is scored with the same facts, and every token is the draw") {
  const auto engine = TinyEngine();
  GenerateRequest request = Request(3, 200);
  for (const uint32_t temperature_ppm : {0U, 700'000U, 1'000'000U}) {
    request.sampler = {.temperature_ppm = temperature_ppm, .top_p_ppm = 950'000};
    const Answer answer = Ask(*engine, request);
    REQUIRE(answer.tokens.size() == 200);
    CHECK(answer.end.value() == FinishReason::kLength);
    const auto scored = ScoreOf(*engine, Checking(request, answer)).value();
    REQUIRE(scored.size() == 200);
    size_t other_draws = 0;
    for (size_t i = 0; i < scored.size(); ++i) {
      CheckSameFacts(scored[i].facts, answer.tokens[i]);
      other_draws += scored[i].drawn_id != answer.tokens[i].id;
      CHECK((scored[i].drawn_id == answer.tokens[i].id) == (scored[i].margin == 0));
    }
    // Only where two noisy scores lie within rounding of one another.
    CHECK(other_draws <= 1);
  }
}

TEST_CASE("tokens drawn with another seed or temperature are not the draws") {
  const auto engine = TinyEngine();
  const GenerateRequest request = Request(4, 150);
  const Answer answer = Ask(*engine, request);
  const auto other_draws = [&](ScoreRequest score) {
    const auto scored = ScoreOf(*engine, score).value();
    return std::count_if(scored.begin(), scored.end(),
                         [](const ScoredToken& t) { return t.margin != 0; });
  };
  ScoreRequest score = Checking(request, answer);
  CHECK(other_draws(score) <= 1);
  score.sampling_seed = SeedOf(99);
  CHECK(other_draws(score) > 50);
  score = Checking(request, answer);
  score.sampler.temperature_ppm = 500'000;
  CHECK(other_draws(score) > 10);
}

TEST_CASE("eight requests at once, with Scores among them, are answered as each alone") {
  const auto engine = TinyEngine({.chunk_beside_answers = 8, .chunk_alone = 16});
  std::vector<Answer> alone;
  for (uint8_t i = 0; i < 8; ++i) alone.push_back(Ask(*engine, Request(i)));

  std::vector<Pending> together;
  for (uint8_t i = 0; i < 8; ++i) together.emplace_back(*engine, Request(i));
  const auto scored = ScoreOf(*engine, Checking(Request(0), alone[0])).value();
  for (size_t i = 0; i < scored.size(); ++i) CheckSameFacts(scored[i].facts, alone[0].tokens[i]);
  for (uint8_t i = 0; i < 8; ++i) CheckSameAnswer(together[i].get(), alone[i]);
}

TEST_CASE(
    "how a prompt is cut into chunks, and how many threads there are, changes only rounding") {
  const auto whole = TinyEngine({.chunk_alone = 512});
  const Answer expected = Ask(*whole, Request(8, 30));
  const auto expected_scores = ScoreOf(*whole, Checking(Request(8, 30), expected)).value();
  const std::vector<LocalOptions> others = {{.chunk_alone = 1},
                                            {.chunk_alone = 7},
                                            {.threads = 2, .chunk_alone = 64},
                                            {.precision = Precision::kFp32, .chunk_alone = 64}};
  for (const LocalOptions& options : others) {
    const auto engine = TinyEngine(options);
    CheckSameAnswer(Ask(*engine, Request(8, 30)), expected);
    const auto scored = ScoreOf(*engine, Checking(Request(8, 30), expected)).value();
    REQUIRE(scored.size() == expected_scores.size());
    for (size_t i = 0; i < scored.size(); ++i) {
      CheckSameFacts(scored[i].facts, expected_scores[i].facts);
      CHECK(std::abs(scored[i].entropy - expected_scores[i].entropy) < kTolerance);
    }
  }
}

TEST_CASE("weights that are stored as bf16 lose nothing by staying bf16") {
  const auto wide = TinyEngine({.precision = Precision::kFp32});
  const auto narrow = TinyEngine({.precision = Precision::kBf16});
  CHECK(wide->Info().kernel_class == "torch-cpu-fp32/1");
  CHECK(narrow->Info().kernel_class == "torch-cpu-bf16/1");
  for (const uint8_t seed : {5, 8}) {
    const Answer answer = Ask(*narrow, Request(seed, 100));
    CheckSameAnswer(answer, Ask(*wide, Request(seed, 100)));
    const auto scored = ScoreOf(*narrow, Checking(Request(seed, 100), answer)).value();
    for (size_t i = 0; i < scored.size(); ++i) CheckSameFacts(scored[i].facts, answer.tokens[i]);
  }
}

TEST_CASE("precisions that libtorch does not run are refused, and hooks' refusals passed on") {
  CHECK(Message(MakeTorchEngine(Tiny(), {.precision = Precision::kInt8}).status()) ==
        "libtorch runs weights in fp32 or bf16, not in int8");
  const auto refusing = [](std::string_view tensor, auto, auto) {
    return absl::InvalidArgumentError("I do not like " + std::string(tensor));
  };
  CHECK(Message(MakeTorchEngine(Tiny(), {.weight_hook = refusing}).status()) ==
        "I do not like token_embd.weight");
}

}  // namespace
}  // namespace gonka::engine
