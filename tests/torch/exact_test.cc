// cpu-exact/1 beside libtorch: two programs that share no arithmetic.

#include "gonka/engine/exact.h"

#include <algorithm>
#include <cmath>

#include "torch/tiny.h"

namespace gonka::engine {
namespace {

// Largest difference of any log-probability among the k likeliest, over `tokens` random tokens.
double Distance(const std::shared_ptr<const model::Checkpoint>& checkpoint, Precision precision,
                uint32_t tokens) {
  ScoreRequest request{.output_begin = 1, .top_k_facts = 20};
  for (uint32_t i = 0; i < tokens; ++i) {
    request.tokens.push_back((i * i * 31 + i * 977 + 5) % checkpoint->config().vocab);
  }
  const LocalOptions options{.precision = precision};
  const auto exact = MakeExactEngine(checkpoint, options).value();
  const auto torch = MakeTorchEngine(checkpoint, options).value();
  const auto a = ScoreOf(*exact, request).value();
  const auto b = ScoreOf(*torch, request).value();
  REQUIRE(a.size() == tokens - 1);
  REQUIRE(b.size() == tokens - 1);
  double worst = 0;
  for (size_t t = 0; t < a.size(); ++t) {
    worst = std::max(worst, std::abs(double{a[t].facts.logprob} - double{b[t].facts.logprob}));
    worst = std::max(worst, std::abs(double{a[t].entropy} - double{b[t].entropy}));
    for (size_t k = 0; k < 20; ++k) {
      worst = std::max(
          worst, std::abs(double{a[t].facts.top[k].logprob} - double{b[t].facts.top[k].logprob}));
    }
  }
  return worst;
}

TEST_CASE("libtorch and cpu-exact/1 agree on the tiny model within rounding") {
  for (const Precision precision : {Precision::kFile, Precision::kFp32, Precision::kBf16}) {
    CHECK(Distance(Tiny(), precision, 300) < 1e-4);
  }
}

TEST_CASE("libtorch and cpu-exact/1 agree on SmolLM2 within rounding, from one file") {
  const char* path = std::getenv("GONKA_SMOLLM2");
  if (path == nullptr) {
    MESSAGE("skipped: GONKA_SMOLLM2 is not set");
    return;
  }
  const double distance = Distance(model::Checkpoint::Open(path).value(), Precision::kFile, 128);
  MESSAGE("largest difference ", distance);
  CHECK(distance < 1e-3);
}

}  // namespace
}  // namespace gonka::engine
