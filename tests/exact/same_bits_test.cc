// What cpu-exact/1 promises: not a bit depends on batch, chunks, threads, instruction set, or on
// which of the two verbs asked.

#include <map>

#include "exact/logits.h"
#include "exact/tiny.h"

namespace gonka::engine {
namespace {

GenerateRequest Request(uint32_t number, uint32_t tokens_max = 24) {
  GenerateRequest request{.prompt = SomeTokens(1 + number * 29 % 90, 2048, number),
                          .tokens_max = tokens_max,
                          .top_k_facts = 20,
                          .sampling_seed = SeedOf(static_cast<uint8_t>(number))};
  if (number % 3 == 1) request.sampler.temperature_ppm = 0;
  if (number % 3 == 2) request.sampler = {.temperature_ppm = 800'000, .top_p_ppm = 900'000};
  return request;
}

TEST_CASE("logits are the same in chunks of 1, 7 and 64, on 1, 2 and 3 threads, on every machine") {
  const auto tokens = SomeTokens(100, 2048);
  const auto expected = LogitsOf(*Tiny(), tokens, {});
  for (const kernels::Kernels* kernels : kernels::AvailableKernels()) {
    for (const uint32_t threads : {1, 2, 3}) {
      const auto pass = PassOf(*Tiny(), {.kernels = kernels, .threads = threads});
      for (const size_t chunk : {1, 7, 64}) {
        CAPTURE(kernels->name);
        CAPTURE(threads);
        CAPTURE(chunk);
        CHECK(Differences(LogitsOf(*pass, tokens, chunk), expected) == 0);
      }
    }
  }
}

TEST_CASE("batches of 1 to 8 answers, with Scores among them, are answered as each alone") {
  const auto one = TinyEngine();
  std::vector<Answer> alone;
  for (uint32_t i = 0; i < 8; ++i) alone.push_back(Ask(*one, Request(i)));
  const auto scored_alone = ScoreOf(*one, Checking(Request(0), alone[0])).value();
  for (const LocalOptions& options :
       {LocalOptions{}, LocalOptions{.threads = 2, .chunk_beside_answers = 5, .chunk_alone = 9},
        LocalOptions{.threads = 3, .running_max = 3}}) {
    const auto engine = TinyEngine(options);
    for (uint32_t batch = 1; batch <= 8; ++batch) {
      std::vector<Pending> together;
      for (uint32_t i = 0; i < batch; ++i) together.emplace_back(*engine, Request(i));
      CHECK(ScoreOf(*engine, Checking(Request(0), alone[0])).value() == scored_alone);
      for (uint32_t i = 0; i < batch; ++i) {
        CHECK(together[i].get().tokens == alone[i].tokens);
      }
    }
  }
}

TEST_CASE("Score reports what Generate did, to the bit, and every token is the draw") {
  const auto engine = TinyEngine({.threads = 2});
  for (uint32_t i = 0; i < 6; ++i) {
    const Answer answer = Ask(*engine, Request(i, 100));
    REQUIRE(answer.tokens.size() == 100);
    const auto scored = ScoreOf(*engine, Checking(Request(i, 100), answer)).value();
    REQUIRE(scored.size() == 100);
    for (size_t t = 0; t < 100; ++t) {
      CHECK(scored[t].facts == answer.tokens[t]);
      CHECK(scored[t].drawn_id == answer.tokens[t].id);
      CHECK(scored[t].margin == 0);
    }
  }
}

// Deterministic: the n-th number.
class Numbers {
 public:
  uint32_t Below(uint32_t bound) {
    state_ = state_ * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<uint32_t>(state_ >> 33) % bound;
  }

 private:
  uint64_t state_ = 11;
};

GenerateRequest RandomRequest(Numbers& numbers, uint8_t seed) {
  GenerateRequest request{.prompt = SomeTokens(1 + numbers.Below(150), 2048, numbers.Below(1000)),
                          .tokens_max = 1 + numbers.Below(40),
                          .top_k_facts = numbers.Below(21),
                          .sampling_seed = SeedOf(seed)};
  SamplerOptions& sampler = request.sampler;
  sampler.temperature_ppm = numbers.Below(3) * 600'000;
  if (numbers.Below(3) == 0) sampler.top_k = 1 + numbers.Below(50);
  if (numbers.Below(3) == 0) sampler.top_p_ppm = 500'000 + numbers.Below(500'000);
  if (numbers.Below(4) == 0) sampler.min_p_ppm = numbers.Below(200'000);
  if (numbers.Below(4) == 0) sampler.repetition_penalty_ppm = 1'200'000;
  if (numbers.Below(4) == 0) sampler.frequency_penalty_ppm = 300'000;
  if (numbers.Below(4) == 0) request.stop_ids = {numbers.Below(2048), numbers.Below(2048)};
  return request;
}

// Answers come alone from one engine; then all at once, in waves, some of them cancelled midway.
TEST_CASE("three hundred random requests are answered as each alone, whatever runs beside them") {
  constexpr size_t kRequests = 300;
  Numbers numbers;
  const auto one = TinyEngine();
  const auto many = TinyEngine({.threads = 2,
                                .kv_bytes_max = 6 << 20,
                                .running_max = 12,
                                .waiting_max = kRequests,
                                .chunk_beside_answers = 11,
                                .chunk_alone = 37});
  std::vector<GenerateRequest> requests;
  std::vector<Answer> alone;
  for (size_t i = 0; i < kRequests; ++i) {
    requests.push_back(RandomRequest(numbers, static_cast<uint8_t>(i)));
    alone.push_back(Ask(*one, requests[i]));
    REQUIRE(alone[i].end.ok());
  }
  std::vector<Pending> together;
  std::map<size_t, std::future<absl::StatusOr<std::vector<ScoredToken>>>> scores;
  for (size_t i = 0; i < kRequests; ++i) {
    together.emplace_back(*many, requests[i]);
    if (numbers.Below(6) == 0)
      many->Cancel(together[numbers.Below(static_cast<uint32_t>(i + 1))].id());
    if (numbers.Below(3) == 0) {
      auto done = std::make_shared<std::promise<absl::StatusOr<std::vector<ScoredToken>>>>();
      scores.emplace(i, done->get_future());
      many->Score(Checking(requests[i], alone[i]),
                  {.on_done = [done](auto scored) { done->set_value(std::move(scored)); }});
    }
    if (numbers.Below(20) == 0) together[i].get();  // A lull.
  }
  size_t whole = 0;
  for (size_t i = 0; i < kRequests; ++i) {
    const Answer answer = together[i].get();
    REQUIRE(answer.end.ok());
    const bool cancelled = *answer.end == FinishReason::kCancelled;
    whole += !cancelled;
    if (!cancelled) CHECK(*answer.end == *alone[i].end);
    REQUIRE(answer.tokens.size() <= alone[i].tokens.size());
    CHECK((cancelled || answer.tokens.size() == alone[i].tokens.size()));
    CHECK(std::equal(answer.tokens.begin(), answer.tokens.end(), alone[i].tokens.begin()));
  }
  CHECK(whole > kRequests / 2);
  for (auto& [i, future] : scores) {
    const auto scored = future.get().value();
    REQUIRE(scored.size() == alone[i].tokens.size());
    for (size_t t = 0; t < scored.size(); ++t) CHECK(scored[t].facts == alone[i].tokens[t]);
  }
  const LocalEngine::Load load = many->CurrentLoad();
  CHECK(load.waiting == 0);
}

}  // namespace
}  // namespace gonka::engine
