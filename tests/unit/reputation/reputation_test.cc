#include "gonka/reputation/reputation.h"

#include <doctest/doctest.h>

#include "gonka/reputation/evidence.h"

namespace gonka::reputation {
namespace {

TEST_CASE("thirty clean epochs make full reputation, twenty-nine do not") {
  const ReputationParams params;
  Ppm reputation{0};
  for (int epoch = 0; epoch < 29; ++epoch) {
    reputation = NextReputation(params, reputation,
                                {.passes = 3, .misses = {}, .convicted = false, .fails = 0});
  }
  CHECK(reputation < Ppm{Ppm::kOne});
  reputation = NextReputation(params, reputation,
                              {.passes = 3, .misses = {}, .convicted = false, .fails = 0});
  CHECK(reputation == Ppm{Ppm::kOne});
  reputation = NextReputation(params, reputation,
                              {.passes = 3, .misses = {}, .convicted = false, .fails = 0});
  CHECK(reputation == Ppm{Ppm::kOne});
}

TEST_CASE("one epoch's conduct moves reputation up, down, to zero or not at all") {
  struct {
    const char* what;
    EpochConduct conduct;
    uint32_t before;
    uint32_t after;
  } const kCases[] = {
      {"three passes are one step", {3, {0, 0}, false, 0}, 500'000, 533'334},
      {"two passes prove nothing", {2, {0, 0}, false, 0}, 500'000, 500'000},
      {"a conviction takes all, whatever else", {900, {0, 900}, true, 0}, 1'000'000, 0},
      {"misses within bad luck cost nothing", {3, {2 * 14, 100}, false, 0}, 500'000, 533'334},
      {"half a miss more is beyond bad luck", {3, {2 * 14 + 1, 100}, false, 0}, 500'000, 427'500},
      {"all missed: all lost", {0, {2 * 100, 100}, false, 0}, 500'000, 0},
      {"more misses than duties do not wrap", {0, {1'000, 100}, false, 0}, 500'000, 0},
      {"an upheld fail takes a step, and passes do not make up for it",
       {900, {0, 900}, false, 1},
       500'000,
       466'666},
      {"three of them take three", {900, {0, 900}, false, 3}, 500'000, 399'998},
      {"more than there is takes all", {900, {0, 900}, false, 9}, 100'000, 0},
      {"too few duties are not judged yet", {3, {2 * 19, 19}, false, 0}, 500'000, 533'334},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.what);
    CHECK(NextReputation(ReputationParams{}, Ppm{c.before}, c.conduct) == Ppm{c.after});
  }
}

TEST_CASE("misses are judged only once there are enough duties") {
  const ReputationParams params;
  CHECK(JudgeMisses(params, {.misses_half = 38, .duties = 19}) == MissJudgement::kTooFewDuties);
  CHECK(JudgeMisses(params, {.misses_half = 8, .duties = 20}) == MissJudgement::kBadLuck);
  CHECK(JudgeMisses(params, {.misses_half = 9, .duties = 20}) == MissJudgement::kBeyondBadLuck);
  CHECK(Availability(params, {.misses_half = 8, .duties = 20}) == Ppm{1'000'000});
  CHECK(Availability(params, {.misses_half = 10, .duties = 20}) == Ppm{750'000});
}

TEST_CASE("of an executor's misses no transfer agent may contribute more than a tenth") {
  struct Row {
    const char* what;
    uint64_t proven;
    std::vector<uint64_t> claims;
    uint64_t agents;
    uint64_t counted;
  };
  const Row rows[] = {
      {"nothing", 0, {}, 20, 0},
      {"proven ones always count", 7, {}, 20, 7},
      {"one alone cannot make a miss", 0, {1'000}, 20, 0},
      {"nine cannot, either", 0, {5, 5, 5, 5, 5, 5, 5, 5, 5}, 20, 0},
      {"ten who agree can", 0, {5, 5, 5, 5, 5, 5, 5, 5, 5, 5}, 20, 50},
      {"one who says more than the others is cut to its share",
       0,
       {5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 100},
       20,
       61},
      {"to proven ones each may add a ninth of them", 90, {1'000}, 20, 100},
      {"with four transfer agents a fourth is what each may say", 0, {3, 3, 3, 3}, 4, 12},
      {"three of four", 0, {3, 3, 3}, 4, 0},
      {"a single possible one", 0, {3}, 1, 3},
      {"none", 2, {}, 0, 2},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(CountedMisses(row.proven, row.claims, row.agents) == row.counted);
  }
}

TEST_CASE("the miss limit at its edges") {
  struct {
    uint32_t n;
    uint32_t p;
    uint32_t limit;
  } const kCases[] = {
      {0, 100'000, 0},
      {4, 100'000, 4},
      {5, 100'000, 4},
      {5, 1'000'000, 5},
      {1'000, 1'000'000, 1'000},
      {1'000, 0, 4},
      {6, 999'999, 6},
      {4'294'967'295, 500'000, 2'147'537'546},  // 2^32 - 1 halves and 1.6448536 * 32,768.
  };
  for (const auto& c : kCases) {
    CAPTURE(c.n);
    CHECK(MissLimit(c.n, Ppm{c.p}) == c.limit);
  }
}

TEST_CASE("a thousand good answers do not delay the alarm, which takes four bad ones") {
  const CheckParams params;
  int64_t cusum = 0;
  for (int i = 0; i < 1'000; ++i) cusum = CusumStep(cusum, ClipEvidence(params, -2'000));
  CHECK(cusum == 0);
  int answers = 0;
  while (cusum < params.alarm_millinats) {
    cusum = CusumStep(cusum, ClipEvidence(params, 1'000'000));
    ++answers;
  }
  CHECK(answers == 4);
  CHECK(3 * params.evidence_max_millinats >= params.conviction_millinats);
}

TEST_CASE("evidence is clipped at both ends") {
  const CheckParams params;
  CHECK(ClipEvidence(params, INT32_MIN) == -500);
  CHECK(ClipEvidence(params, -500) == -500);
  CHECK(ClipEvidence(params, 7) == 7);
  CHECK(ClipEvidence(params, INT32_MAX) == 3'912);
  CHECK(CusumStep(400, -500) == 0);
  CHECK(CusumStep(600, -500) == 100);
}

}  // namespace
}  // namespace gonka::reputation
