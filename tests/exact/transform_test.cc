#include "gonka/engine/transform.h"

#include <cmath>
#include <set>

#include "exact/tiny.h"

namespace gonka::engine {
namespace {

GenerateRequest Request() {
  return {.prompt = {994, 384, 275, 1929, 492}, .tokens_max = 100, .top_k_facts = 5};
}

// How far two engines are apart on the same tokens: mean |difference| of log-probabilities, and the
// tokens that are not the second one's draw.
struct Distance {
  double logprob = 0;
  size_t other_draws = 0;
};
Distance DistanceOf(const Answer& answer, const std::vector<ScoredToken>& scored) {
  Distance distance;
  for (size_t i = 0; i < scored.size(); ++i) {
    const double difference = scored[i].facts.logprob - answer.tokens[i].logprob;
    distance.logprob += std::abs(difference) / static_cast<double>(scored.size());
    distance.other_draws += scored[i].margin != 0;
  }
  return distance;
}

TEST_CASE("four bits leave sixteen values a group, and the norms alone") {
  std::vector<float> values(2 * 300);
  for (size_t i = 0; i < values.size(); ++i) values[i] = std::sin(static_cast<float>(i));
  const std::vector<float> before = values;
  CHECK(QuantizeInt4(128)("blk.0.attn_q.weight", std::vector<uint64_t>{2, 300}, values).ok());
  for (const size_t begin : {0, 128, 256, 300, 428, 556}) {
    const size_t size = begin % 300 == 256 ? 44 : 128;
    const std::set<float> levels(values.begin() + static_cast<ptrdiff_t>(begin),
                                 values.begin() + static_cast<ptrdiff_t>(begin + size));
    CHECK(levels.size() <= 16);
    CHECK(levels.size() > 8);
    for (size_t i = begin; i < begin + size; ++i) CHECK(std::abs(values[i] - before[i]) < 0.067f);
  }
  std::vector<float> norm = before;
  CHECK(QuantizeInt4(128)("output_norm.weight", std::vector<uint64_t>{600}, norm).ok());
  CHECK(norm == before);
  CHECK_FALSE(QuantizeInt4(128)("a", std::vector<uint64_t>{2, 299}, norm).ok());
}

TEST_CASE("a 4-bit copy and a model without every third layer are told from the right one") {
  const auto right = TinyEngine();
  const auto int4 = TinyEngine({.weight_hook = QuantizeInt4(128)});
  const auto small = TinyEngine({.layer_filter = DropEveryThirdLayer});
  const auto distance = [&](Engine& writer) {
    const Answer answer = Ask(writer, Request());
    return DistanceOf(answer, ScoreOf(*right, Checking(Request(), answer)).value());
  };
  CHECK(distance(*right).logprob == 0);
  CHECK(distance(*right).other_draws == 0);
  CHECK(distance(*int4).logprob > 0.02);
  CHECK(distance(*int4).other_draws > 0);
  CHECK(distance(*small).logprob > 0.2);
  CHECK(distance(*small).other_draws > 10);
}

TEST_CASE("a forger reports the right log-probabilities for tokens that are not the right draws") {
  const auto right = TinyEngine();
  const auto small = TinyEngine({.layer_filter = DropEveryThirdLayer});
  ForgingEngine forger(*small, *right);
  const Answer answer = Ask(forger, Request());
  CHECK(answer.end.value() == FinishReason::kLength);
  CHECK(answer.Ids() == Ask(*small, Request()).Ids());
  const Distance distance =
      DistanceOf(answer, ScoreOf(*right, Checking(Request(), answer)).value());
  CHECK(distance.logprob == 0);
  CHECK(distance.other_draws > 10);
  CHECK(ScoreOf(forger, Checking(Request(), answer)).value().size() == 100);
}

TEST_CASE("a forger can be cancelled and passes refusals on") {
  const auto right = TinyEngine();
  const auto small = TinyEngine({.layer_filter = DropEveryThirdLayer});
  ForgingEngine forger(*small, *right);
  GenerateRequest request = Request();
  request.tokens_max = 450;
  Pending pending(forger, request);
  forger.Cancel(pending.id());
  const Answer cancelled = pending.get();
  CHECK(cancelled.end.value() == FinishReason::kCancelled);
  CHECK(cancelled.tokens.empty());
  request.tokens_max = 0;
  CHECK(Message(Ask(forger, request).end.status()) == "tokens_max is 0");
}

}  // namespace
}  // namespace gonka::engine
