#include "gonka/engine/scripted.h"

#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <optional>

namespace gonka::engine {
namespace {

// A loop whose clock jumps to the next task.
class TestLoop final : public Loop {
 public:
  void Post(Task task) override { PostAfter(0, std::move(task)); }
  TimerId PostAfter(int64_t delay_us, Task task) override {
    tasks_.emplace(std::pair{now_us_ + delay_us, ++last_}, std::move(task));
    return last_;
  }
  void CancelTimer(TimerId) override {}
  int64_t NowUs() const override { return now_us_; }

  void RunUntil(int64_t time_us) {
    while (!tasks_.empty() && tasks_.begin()->first.first <= time_us) {
      auto next = tasks_.extract(tasks_.begin());
      now_us_ = next.key().first;
      next.mapped()();
    }
    now_us_ = time_us;
  }
  void RunDry() {
    while (!tasks_.empty()) RunUntil(tasks_.begin()->first.first);
  }

 private:
  int64_t now_us_ = 0;
  TimerId last_ = 0;
  std::map<std::pair<int64_t, TimerId>, Task> tasks_;
};

struct Answer {
  std::vector<TokenFacts> tokens;
  std::optional<absl::StatusOr<FinishReason>> end;

  GenerateEvents Events() {
    return {.on_token = [this](const TokenFacts& facts) { tokens.push_back(facts); },
            .on_done = [this](absl::StatusOr<FinishReason> reason) { end = reason; }};
  }
  absl::StatusCode Code() const { return end->status().code(); }
};

std::vector<ScoredToken> ScoreOf(const ScriptedOptions& options, const GenerateRequest& request,
                                 const std::vector<TokenFacts>& output) {
  TestLoop loop;
  ScriptedEngine engine(loop, options);
  ScoreRequest score{.tokens = request.prompt,
                     .output_begin = static_cast<uint32_t>(request.prompt.size()),
                     .top_k_facts = request.top_k_facts,
                     .sampler = request.sampler,
                     .sampling_seed = request.sampling_seed};
  for (const TokenFacts& facts : output) score.tokens.push_back(facts.id);
  std::vector<ScoredToken> scored;
  engine.Score(score, {.on_done = [&](auto result) { scored = result.value(); }});
  loop.RunDry();
  return scored;
}

const GenerateRequest kRequest = {.prompt = {1, 2, 3}, .tokens_max = 100, .top_k_facts = 5};

TEST_CASE("what the scripted engine generates, it scores with the same facts and no margin") {
  TestLoop loop;
  ScriptedEngine engine(loop, {});
  Answer answer;
  engine.Generate(kRequest, answer.Events());
  loop.RunDry();
  REQUIRE(answer.tokens.size() == 100);
  CHECK(answer.end->value() == FinishReason::kLength);
  const std::vector<ScoredToken> scored = ScoreOf({}, kRequest, answer.tokens);
  REQUIRE(scored.size() == 100);
  for (size_t i = 0; i < scored.size(); ++i) {
    CHECK(scored[i].facts == answer.tokens[i]);
    CHECK(scored[i].drawn_id == answer.tokens[i].id);
    CHECK(scored[i].margin == 0);
    CHECK(scored[i].entropy > 0.5);
  }
}

TEST_CASE("another model and a noisy copy draw differently, the noisy one less so") {
  TestLoop loop;
  ScriptedEngine engine(loop, {});
  Answer answer;
  engine.Generate(kRequest, answer.Events());
  loop.RunDry();
  const auto differing = [&](const ScriptedOptions& options) {
    const std::vector<ScoredToken> scored = ScoreOf(options, kRequest, answer.tokens);
    return std::count_if(scored.begin(), scored.end(),
                         [](const ScoredToken& t) { return t.facts.id != t.drawn_id; });
  };
  CHECK(differing({.noise = 1e-5f}) == 0);
  const auto noisy = differing({.noise = 0.3f});
  CHECK(noisy > 0);
  CHECK(noisy < 50);
  CHECK(differing({.model_seed = 2}) > 70);
}

TEST_CASE("tokens take the time that the options state") {
  TestLoop loop;
  ScriptedEngine engine(loop, {.us_per_prompt_token = 10, .us_per_token = 1000});
  Answer answer;
  engine.Generate(kRequest, answer.Events());
  loop.RunUntil(29);
  CHECK(answer.tokens.empty());
  loop.RunUntil(30);
  CHECK(answer.tokens.size() == 1);
  loop.RunUntil(4030);
  CHECK(answer.tokens.size() == 5);
}

TEST_CASE("a stop id ends the answer and belongs to it") {
  TestLoop loop;
  ScriptedEngine engine(loop, {});
  GenerateRequest request = kRequest;
  for (uint32_t id = 0; id < 32; ++id) request.stop_ids.push_back(id);
  Answer answer;
  engine.Generate(request, answer.Events());
  loop.RunDry();
  CHECK(answer.end->value() == FinishReason::kStop);
  CHECK(answer.tokens.back().id < 32);
  for (size_t i = 0; i + 1 < answer.tokens.size(); ++i) CHECK(answer.tokens[i].id >= 32);
}

TEST_CASE("cancelling, from outside or from an event, ends a request once") {
  TestLoop loop;
  ScriptedEngine engine(loop, {});
  Answer outside, inside;
  const auto first = engine.Generate(kRequest, outside.Events());
  GenerateEvents events = inside.Events();
  Engine::RequestId second = 0;
  events.on_token = [&](const TokenFacts& facts) {
    inside.tokens.push_back(facts);
    engine.Cancel(second);
  };
  second = engine.Generate(kRequest, events);
  loop.RunUntil(5'000);
  engine.Cancel(first);
  engine.Cancel(first);
  loop.RunDry();
  CHECK(outside.end->value() == FinishReason::kCancelled);
  CHECK(outside.tokens.size() == 3);
  CHECK(inside.end->value() == FinishReason::kCancelled);
  CHECK(inside.tokens.size() == 1);
}

TEST_CASE("one request too many is refused, the others are served in order") {
  TestLoop loop;
  ScriptedEngine engine(loop, {.running_max = 1, .waiting_max = 2});
  Answer answers[4];
  for (Answer& answer : answers) engine.Generate(kRequest, answer.Events());
  loop.RunDry();
  for (int i = 0; i < 3; ++i) CHECK(answers[i].tokens == answers[0].tokens);
  CHECK(answers[2].end->ok());
  CHECK(answers[3].Code() == absl::StatusCode::kResourceExhausted);
}

TEST_CASE("a failing engine ends everything, a hanging one nothing, and both recover") {
  TestLoop loop;
  ScriptedEngine engine(loop, {});
  Answer failed, late, hung, after;
  engine.Generate(kRequest, failed.Events());
  loop.RunUntil(5'000);
  engine.Fail(absl::UnavailableError("crashed"));
  engine.Generate(kRequest, late.Events());
  loop.RunDry();
  CHECK(failed.Code() == absl::StatusCode::kUnavailable);
  CHECK(failed.tokens.size() == 3);
  CHECK(late.Code() == absl::StatusCode::kUnavailable);

  engine.Recover();
  engine.Generate(kRequest, hung.Events());
  loop.RunUntil(loop.NowUs() + 5'000);
  engine.Hang();
  engine.Generate(kRequest, after.Events());
  loop.RunDry();
  CHECK(hung.tokens.size() == 3);
  CHECK_FALSE(hung.end.has_value());
  CHECK_FALSE(after.end.has_value());
  engine.Recover();
  loop.RunDry();
  CHECK(hung.tokens.size() == 100);
  CHECK(after.tokens == hung.tokens);
}

TEST_CASE("an engine that is destroyed delivers nothing more") {
  TestLoop loop;
  auto engine = std::make_unique<ScriptedEngine>(loop, ScriptedOptions{});
  Answer answer;
  engine->Generate(kRequest, answer.Events());
  loop.RunUntil(5'000);
  engine.reset();
  loop.RunDry();
  CHECK(answer.tokens.size() == 3);
  CHECK_FALSE(answer.end.has_value());
}

}  // namespace
}  // namespace gonka::engine
