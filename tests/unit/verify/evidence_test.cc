#include "gonka/verify/evidence.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "gonka/verify/calibration.h"

namespace gonka::verify {
namespace {

// The exact expectation of f over all answers of `tokens` scores that are `high` with probability
// 1 / high and 0 otherwise: an honest executor whose machine is as bad as the bound allows.
double Expect(uint32_t tokens, double high,
              const std::function<double(const std::vector<double>&)>& f) {
  double expectation = 0;
  for (uint32_t outcome = 0; outcome < 1u << tokens; ++outcome) {
    std::vector<double> scores;
    double probability = 1;
    for (uint32_t i = 0; i < tokens; ++i) {
      const bool hit = outcome >> i & 1;
      scores.push_back(hit ? high : 0);
      probability *= hit ? 1 / high : 1 - 1 / high;
    }
    expectation += probability * f(scores);
  }
  return expectation;
}

TEST_CASE("no honest executor within the bounds can expect more than 1 of an e-value") {
  struct Row {
    uint32_t tokens;
    double high;
    uint32_t leaf_tokens;
  };
  for (const Row& row : {Row{1, 2, 4}, Row{8, 1.5, 3}, Row{12, 6, 4}, Row{12, 1000, 1}}) {
    CAPTURE(row.tokens);
    CAPTURE(row.high);
    const auto e = [&](const auto& scores) {
      return std::exp(LogEvidence(scores, row.leaf_tokens));
    };
    CHECK(Expect(row.tokens, row.high, e) == doctest::Approx(1).epsilon(1e-9));
    const auto bounded = [&](const auto& scores) {
      return std::exp(BoundedMillinats(LogEvidence(scores, row.leaf_tokens)) / 1000.0);
    };
    CHECK(Expect(row.tokens, row.high, bounded) <= 1);
  }
}

TEST_CASE("evidence grows with what is above the bound and shrinks with what is below") {
  const std::vector<double> cheat(32, 3.0);
  const std::vector<double> honest(32, 0.5);
  CHECK(LogEvidence({}, 32) == 0);
  CHECK(LogEvidence(cheat, 32) > 20);
  CHECK(LogEvidence(honest, 32) < 0);
  CHECK(LogEvidence(std::vector<double>(32, 1.0), 32) == doctest::Approx(0));
}

TEST_CASE("one wild token cannot fail an answer, several can") {
  std::vector<double> scores(64, 0);
  scores[20] = 5e4;
  CHECK(LogEvidence(scores, 32) < kFailMillinatsMin / 1000.0);
  CHECK(LogEvidence(std::vector<double>{1e9 / kMarginFloorPpb}, 32) < kFailMillinatsMin / 1000.0);
  scores[33] = 5e4;
  scores[50] = 5e4;
  CHECK(LogEvidence(scores, 32) > 13.9);
}

TEST_CASE("a cheap part of a long honest answer is found wherever it lies") {
  for (const size_t begin : {0, 320, 480}) {
    CAPTURE(begin);
    std::vector<double> scores(512, 0.1);
    for (size_t i = begin; i < begin + 32; ++i) scores[i] = 6;
    CHECK(LogEvidence(scores, 32) > 20);
  }
}

TEST_CASE("what the ledger gets is bounded") {
  CHECK(BoundedMillinats(-1e9) == kEvidenceMinMillinats);
  CHECK(BoundedMillinats(0) == 0);
  CHECK(BoundedMillinats(1e9) == kEvidenceMaxMillinats);
  CHECK(BoundedMillinats(std::log(2.0)) == 331);  // ln(0.6065 + 0.3935 * 2)
  CHECK(LogMean(std::vector<double>{0, 0}) == doctest::Approx(0));
  CHECK(LogMean(std::vector<double>{1000, 0}) == doctest::Approx(1000 - std::log(2.0)));
  CHECK(LogMean({}) == 0);
}

TEST_CASE("answers add up, each within its bounds") {
  CHECK(SumMillinats({}) == 0);
  CHECK(SumMillinats(std::vector<int32_t>{3912, 3912, 3912}) == 11'736);
  CHECK(SumMillinats(std::vector<int32_t>{1'000'000, -1'000'000}) == 3'412);
  CHECK(SumMillinats(std::vector<int32_t>(1'000'000, 3912)) == INT32_MAX);
}

}  // namespace
}  // namespace gonka::verify
