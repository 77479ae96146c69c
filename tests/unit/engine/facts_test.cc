#include "gonka/engine/facts.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace gonka::engine {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::vector<float> RandomLogits(size_t size, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(size);
  for (float& x : logits) x = normal(random);
  return logits;
}

TEST_CASE("log-probabilities and entropy are those of the textbook") {
  for (const size_t size : {1, 2, 15, 16, 17, 1000, 4099}) {
    const std::vector<float> logits = RandomLogits(size, static_cast<uint32_t>(size));
    const LogitSummary summary = Summarise(logits);
    CHECK(summary.finite);
    long double sum = 0;
    for (const float x : logits) sum += std::exp(static_cast<long double>(x));
    long double entropy = 0;
    for (const float x : logits) {
      const long double logprob = x - std::log(sum);
      entropy -= std::exp(logprob) * logprob;
      CHECK(Logprob(summary, x) == doctest::Approx(static_cast<double>(logprob)).epsilon(1e-6));
    }
    CHECK(summary.entropy == doctest::Approx(static_cast<double>(entropy)).epsilon(1e-12));
  }
}

TEST_CASE("the top k are what sorting everything finds") {
  for (const uint32_t count : {0U, 1U, 5U, kTopFactsMax}) {
    std::vector<float> logits = RandomLogits(3000, count);
    for (size_t i = 0; i < logits.size(); i += 3) logits[i] = std::round(logits[i]);  // Ties.
    const LogitSummary summary = Summarise(logits);
    std::vector<uint32_t> ids(logits.size());
    for (uint32_t i = 0; i < ids.size(); ++i) ids[i] = i;
    std::stable_sort(ids.begin(), ids.end(),
                     [&](uint32_t a, uint32_t b) { return logits[a] > logits[b]; });
    const std::vector<TopEntry> top = TopLogprobs(logits, summary, count);
    REQUIRE(top.size() == count);
    for (size_t i = 0; i < count; ++i) {
      CHECK(top[i] == TopEntry{ids[i], Logprob(summary, logits[ids[i]])});
    }
  }
}

TEST_CASE("a vocabulary smaller than k gives all there is") {
  const std::vector<float> logits = {1, 3, 2};
  const std::vector<TopEntry> top = TopLogprobs(logits, Summarise(logits), 5);
  REQUIRE(top.size() == 3);
  CHECK(top[0].id == 1);
  CHECK(top[2].id == 0);
}

TEST_CASE("logits that no correct pass produces are reported and poison nothing else") {
  const std::vector<float> logits = {0, kNan, 0, -kInfinity};
  const LogitSummary summary = Summarise(logits);
  CHECK_FALSE(summary.finite);
  CHECK(summary.entropy == doctest::Approx(std::log(2.0)));
  CHECK(Logprob(summary, logits[0]) == doctest::Approx(-std::log(2.0)));
  CHECK(Logprob(summary, kNan) == -kInfinity);
  CHECK(TopLogprobs(logits, summary, 4)[1].id == 2);
  CHECK_FALSE(Summarise(std::vector<float>{kInfinity, 1}).finite);
  CHECK_FALSE(Summarise(std::vector<float>{kNan, kNan}).finite);
  CHECK(Summarise(std::vector<float>{kNan, kNan}).entropy >= 0);
}

TEST_CASE("facts name the token, its log-probability and the alternatives") {
  const std::vector<float> logits = {0, 1, 2, 3};
  const TokenFacts facts = FactsOf(logits, Summarise(logits), 1, 2);
  CHECK(facts.id == 1);
  CHECK(facts.logprob == doctest::Approx(-2.4401897));
  REQUIRE(facts.top.size() == 2);
  CHECK(facts.top[0].id == 3);
  CHECK(facts.top[1].id == 2);
}

}  // namespace
}  // namespace gonka::engine
