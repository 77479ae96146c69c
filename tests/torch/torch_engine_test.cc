// Tolerances: two fp32 passes over the same tokens that are cut or batched differently differ by
// rounding only. On the tiny model that stays below 1e-5 nats; 1e-4 is asserted.

#include <algorithm>
#include <atomic>
#include <cmath>
#include <thread>

#include "gonka/engine/torch.h"
#include "torch/ask.h"

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
  const std::vector<TorchOptions> others = {{.chunk_alone = 1},
                                            {.chunk_alone = 7},
                                            {.threads = 2, .chunk_alone = 64},
                                            {.precision = Precision::kFp32, .chunk_alone = 64}};
  for (const TorchOptions& options : others) {
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

TEST_CASE("a stop id ends the answer and belongs to it") {
  const auto engine = TinyEngine();
  GenerateRequest request = Request(6, 100);
  const Answer free = Ask(*engine, request);
  request.stop_ids = {free.tokens[9].id};
  const Answer stopped = Ask(*engine, request);
  CHECK(stopped.end.value() == FinishReason::kStop);
  CHECK(stopped.tokens.back().id == free.tokens[9].id);
  CHECK(stopped.tokens.size() <= 10);
}

TEST_CASE("a cancelled answer ends within a step, whether it runs or waits") {
  const auto engine = TinyEngine({.running_max = 1});
  // The event thread cancels its own request at the third token, so the count is exact.
  std::promise<size_t> ended;
  size_t count = 0;
  std::atomic<Engine::RequestId> id = 0;
  id = engine->Generate(Request(1, 450), {.on_token =
                                              [&](const TokenFacts&) {
                                                while (id == 0) std::this_thread::yield();
                                                if (++count == 3) engine->Cancel(id);
                                              },
                                          .on_done =
                                              [&](absl::StatusOr<FinishReason> end) {
                                                CHECK(end.value() == FinishReason::kCancelled);
                                                ended.set_value(count);
                                              }});
  Pending waiting(*engine, Request(2, 450));
  engine->Cancel(waiting.id());
  CHECK(waiting.get().end.value() == FinishReason::kCancelled);
  CHECK(ended.get_future().get() == 3);
  engine->Cancel(12345);
  CHECK(Ask(*engine, Request(2, 3)).tokens.size() == 3);
}

TEST_CASE("a cancelled Score ends as Cancelled") {
  const auto engine = TinyEngine({.chunk_alone = 1});
  ScoreRequest score{.tokens = std::vector<uint32_t>(500, 7), .output_begin = 1};
  std::promise<absl::Status> done;
  const auto id =
      engine->Score(score, {.on_done = [&](auto scored) { done.set_value(scored.status()); }});
  engine->Cancel(id);
  CHECK(done.get_future().get().code() == absl::StatusCode::kCancelled);
}

TEST_CASE("what can never be served is refused before any work") {
  const auto engine = TinyEngine({.kv_bytes_max = 1'000'000});
  const uint32_t context = engine->Info().context;
  CHECK(Message(Ask(*engine, {.prompt = {1}, .tokens_max = context}).end.status())
            .find("do not fit") != std::string::npos);
  const absl::Status large = Ask(*engine, {.prompt = {1}, .tokens_max = context - 1}).end.status();
  CHECK(large.code() == absl::StatusCode::kInvalidArgument);
  CHECK(Message(large).find("this engine has 1000000") != std::string::npos);
  CHECK(ScoreOf(*engine, {.tokens = {1, 99999}, .output_begin = 1}).status().code() ==
        absl::StatusCode::kInvalidArgument);
  CHECK(engine->CurrentLoad().steps == 0);
}

TEST_CASE("a full queue refuses, and what was queued is served") {
  const auto engine = TinyEngine({.running_max = 1, .waiting_max = 2});
  std::vector<Pending> pending;
  for (uint8_t i = 0; i < 12; ++i) pending.emplace_back(*engine, Request(i, 100));
  size_t served = 0, refused = 0;
  for (Pending& one : pending) {
    const Answer answer = one.get();
    served += answer.end.ok();
    if (!answer.end.ok()) {
      CHECK(answer.end.status().code() == absl::StatusCode::kResourceExhausted);
      CHECK(Message(answer.end.status()) == "2 requests are waiting, at most 2");
      ++refused;
    }
  }
  CHECK(served >= 2);
  CHECK(refused >= 1);
}

TEST_CASE("requests wait for KV memory instead of exceeding it") {
  const auto free = TinyEngine();
  const GenerateRequest request = Request(1, 50);
  Ask(*free, request);
  // Room for one such request and a half.
  const auto& config = Tiny()->config();
  const uint64_t per_token = 8ULL * config.layers * config.kv_heads * config.head_dim;
  const uint64_t one = per_token * (request.prompt.size() + 49);
  const auto engine = TinyEngine({.kv_bytes_max = one + one / 2});
  std::vector<Pending> pending;
  for (int i = 0; i < 4; ++i) pending.emplace_back(*engine, request);
  for (Pending& p : pending) {
    CHECK(p.get().tokens.size() == 50);
    CHECK(engine->CurrentLoad().running <= 1);
  }
}

TEST_CASE("a Score goes on while an answer is written, and neither starves") {
  const auto engine = TinyEngine({.chunk_beside_answers = 4});
  Pending answer(*engine, Request(1, 400));
  ScoreRequest score{.tokens = std::vector<uint32_t>(200, 7), .output_begin = 1};
  CHECK(ScoreOf(*engine, score).value().size() == 199);
  // 199 tokens in chunks of 4 beside an answer: it had at most as many steps as there were chunks.
  CHECK(engine->CurrentLoad().tokens_drawn <= engine->CurrentLoad().steps);
  CHECK(answer.get().tokens.size() == 400);
}

TEST_CASE("destroying the engine ends what runs and what waits") {
  auto engine = TinyEngine({.running_max = 1});
  Pending running(*engine, Request(1, 450)), waiting(*engine, Request(2, 450));
  engine.reset();
  CHECK(running.get().end.value() == FinishReason::kCancelled);
  CHECK(waiting.get().end.value() == FinishReason::kCancelled);
}

TEST_CASE("weights that are not numbers fail the request, not the process") {
  const auto engine = TinyEngine({.weight_hook = [](std::string_view tensor, auto, auto values) {
    if (tensor == "output_norm.weight") values[0] = std::nanf("");
    return absl::OkStatus();
  }});
  const absl::Status status = Ask(*engine, Request(1, 5)).end.status();
  CHECK(status.code() == absl::StatusCode::kInternal);
  CHECK(Message(status).find("not finite") != std::string::npos);
}

TEST_CASE("an engine that cannot be made says why") {
  CHECK(Message(TorchEngine::Create(Tiny(), {.threads = 0}).status()) ==
        "threads is 0, at least 1");
  const auto refusing = [](std::string_view tensor, auto, auto) {
    return absl::InvalidArgumentError("I do not like " + std::string(tensor));
  };
  CHECK(Message(TorchEngine::Create(Tiny(), {.weight_hook = refusing}).status()) ==
        "I do not like token_embd.weight");
}

}  // namespace
}  // namespace gonka::engine
