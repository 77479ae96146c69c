#include <map>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "gonka/engine/transform.h"

namespace gonka::engine {

// One request is first the writer's and then the right engine's. Events of the two come from two
// threads, never at the same time for one request.
class ForgingEngine::State : public std::enable_shared_from_this<State> {
 public:
  State(Engine& writer, Engine& right) : writer_(writer), right_(right) {}

  Engine& right() { return right_; }

  RequestId Write(GenerateRequest request, GenerateEvents events) {
    auto forgery = std::make_shared<Forgery>();
    forgery->request = std::move(request);
    forgery->events = std::move(events);
    const RequestId id = Add(writer_);
    GenerateRequest written = forgery->request;
    written.top_k_facts = 0;
    const RequestId inner = writer_.Generate(
        std::move(written),
        {.on_token = [forgery](const TokenFacts& facts) { forgery->output.push_back(facts.id); },
         .on_done =
             [self = shared_from_this(), forgery, id](absl::StatusOr<FinishReason> end) {
               self->OnWritten(id, forgery, std::move(end));
             }});
    Enter(id, writer_, inner);
    return id;
  }

  RequestId Score(ScoreRequest request, ScoreEvents events) {
    const RequestId id = Add(right_);
    const RequestId inner = right_.Score(
        std::move(request),
        {.on_done = [self = shared_from_this(), id, done = std::move(events.on_done)](auto scored) {
          self->Remove(id);
          if (done) done(std::move(scored));
        }});
    Enter(id, right_, inner);
    return id;
  }

  void Cancel(RequestId id) {
    Stage stage;
    {
      const std::lock_guard lock(mutex_);
      const auto found = stages_.find(id);
      if (found == stages_.end()) return;
      found->second.cancelled = true;
      stage = found->second;
    }
    if (stage.inner != 0) stage.engine->Cancel(stage.inner);
  }

 private:
  struct Forgery {
    GenerateRequest request;
    GenerateEvents events;
    std::vector<uint32_t> output;
  };
  // Which engine has a request, under which number; 0 before that is known.
  struct Stage {
    Engine* engine = nullptr;
    RequestId inner = 0;
    bool cancelled = false;
  };

  RequestId Add(Engine& engine) {
    const std::lock_guard lock(mutex_);
    stages_[next_id_] = {.engine = &engine};
    return next_id_++;
  }

  void Remove(RequestId id) {
    const std::lock_guard lock(mutex_);
    stages_.erase(id);
  }

  // An inner number became known. The request may have gone on to its next stage or ended by then,
  // and it may have been cancelled while nobody knew whom to tell.
  void Enter(RequestId id, Engine& engine, RequestId inner) {
    bool cancelled = false;
    {
      const std::lock_guard lock(mutex_);
      const auto found = stages_.find(id);
      if (found == stages_.end() || found->second.engine != &engine) return;
      found->second.inner = inner;
      cancelled = found->second.cancelled;
    }
    if (cancelled) engine.Cancel(inner);
  }

  void OnWritten(RequestId id, std::shared_ptr<const Forgery> forgery,
                 absl::StatusOr<FinishReason> end) {
    if (!end.ok() || *end == FinishReason::kCancelled) {
      Remove(id);
      if (forgery->events.on_done) forgery->events.on_done(std::move(end));
      return;
    }
    {
      const std::lock_guard lock(mutex_);
      Stage& stage = stages_[id];
      stage = {.engine = &right_, .inner = 0, .cancelled = stage.cancelled};
    }
    ScoreRequest score{.tokens = forgery->request.prompt,
                       .output_begin = static_cast<uint32_t>(forgery->request.prompt.size()),
                       .top_k_facts = forgery->request.top_k_facts,
                       .sampler = forgery->request.sampler,
                       .sampling_seed = forgery->request.sampling_seed};
    score.tokens.insert(score.tokens.end(), forgery->output.begin(), forgery->output.end());
    const RequestId inner = right_.Score(
        std::move(score),
        {.on_done = [self = shared_from_this(), id, reason = *end, forgery](auto scored) {
          self->OnScored(id, *forgery, reason, std::move(scored));
        }});
    Enter(id, right_, inner);
  }

  void OnScored(RequestId id, const Forgery& forgery, FinishReason reason,
                absl::StatusOr<std::vector<ScoredToken>> scored) {
    Remove(id);
    if (scored.ok() && forgery.events.on_token) {
      for (const ScoredToken& token : *scored) forgery.events.on_token(token.facts);
    }
    if (!forgery.events.on_done) return;
    if (scored.ok()) {
      forgery.events.on_done(reason);
    } else if (scored.status().code() == absl::StatusCode::kCancelled) {
      forgery.events.on_done(FinishReason::kCancelled);
    } else {
      forgery.events.on_done(scored.status());
    }
  }

  Engine& writer_;
  Engine& right_;
  std::mutex mutex_;
  std::map<RequestId, Stage> stages_;  // As many as the two engines take.
  RequestId next_id_ = 1;
};

ForgingEngine::ForgingEngine(Engine& writer, Engine& right)
    : state_(std::make_shared<State>(writer, right)) {}
ForgingEngine::~ForgingEngine() = default;

EngineInfo ForgingEngine::Info() const {
  return state_->right().Info();
}

Engine::RequestId ForgingEngine::Generate(GenerateRequest request, GenerateEvents events) {
  return state_->Write(std::move(request), std::move(events));
}

Engine::RequestId ForgingEngine::Score(ScoreRequest request, ScoreEvents events) {
  return state_->Score(std::move(request), std::move(events));
}

void ForgingEngine::Cancel(RequestId request) {
  state_->Cancel(request);
}

}  // namespace gonka::engine
