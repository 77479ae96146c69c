#pragma once

// Engine calls that wait, for tests.

#include <doctest/doctest.h>

#include <cstdlib>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include "gonka/engine/local.h"
#include "gonka/model/checkpoint.h"

namespace gonka::engine {

inline std::shared_ptr<const model::Checkpoint> Tiny() {
  static const auto tiny =
      model::Checkpoint::Open(GONKA_SOURCE_DIR "/examples/tiny/tiny.gguf").value();
  return tiny;
}

struct Answer {
  std::vector<TokenFacts> tokens;
  absl::StatusOr<FinishReason> end = absl::UnknownError("not ended");

  std::vector<uint32_t> Ids() const {
    std::vector<uint32_t> ids;
    for (const TokenFacts& facts : tokens) ids.push_back(facts.id);
    return ids;
  }
};

// Starts at once; get() waits.
class Pending {
 public:
  Pending(Engine& engine, GenerateRequest request)
      : state_(std::make_shared<State>()), done_(state_->done.get_future()) {
    id_ = engine.Generate(
        std::move(request),
        {.on_token = [s = state_](const TokenFacts& f) { s->answer.tokens.push_back(f); },
         .on_done =
             [s = state_](absl::StatusOr<FinishReason> end) {
               s->answer.end = std::move(end);
               s->done.set_value();
             }});
  }
  Engine::RequestId id() const { return id_; }
  Answer get() {
    done_.wait();
    return state_->answer;
  }

 private:
  struct State {
    Answer answer;
    std::promise<void> done;
  };
  std::shared_ptr<State> state_;
  std::future<void> done_;
  Engine::RequestId id_ = 0;
};

inline Answer Ask(Engine& engine, GenerateRequest request) {
  return Pending(engine, std::move(request)).get();
}

inline absl::StatusOr<std::vector<ScoredToken>> ScoreOf(Engine& engine, ScoreRequest request) {
  std::promise<absl::StatusOr<std::vector<ScoredToken>>> done;
  engine.Score(std::move(request), {.on_done = [&](auto scored) { done.set_value(scored); }});
  return done.get_future().get();
}

// The request that checks an answer.
inline ScoreRequest Checking(const GenerateRequest& request, const Answer& answer) {
  ScoreRequest score{.tokens = request.prompt,
                     .output_begin = static_cast<uint32_t>(request.prompt.size()),
                     .top_k_facts = request.top_k_facts,
                     .sampler = request.sampler,
                     .sampling_seed = request.sampling_seed};
  for (const TokenFacts& facts : answer.tokens) score.tokens.push_back(facts.id);
  return score;
}

inline Hash SeedOf(uint8_t first) {
  Hash seed;
  seed.bytes[0] = first;
  return seed;
}

}  // namespace gonka::engine
