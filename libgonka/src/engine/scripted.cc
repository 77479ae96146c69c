#include "gonka/engine/scripted.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "gonka/engine/facts.h"

namespace gonka::engine {
namespace {

constexpr size_t kOrder = 3;       // Tokens that the pseudo-model looks back.
constexpr float kLogitSpread = 2;  // Standard deviation: an entropy of about 2.5 nats over 64 ids.

// SplitMix64's finaliser.
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

// Mean 0, standard deviation 1, about normal: the sum of four uniform 16-bit numbers.
float Spread(uint64_t hash) {
  const uint64_t sum =
      (hash & 0xffff) + (hash >> 16 & 0xffff) + (hash >> 32 & 0xffff) + (hash >> 48);
  return (static_cast<float>(sum) / 65536.0f - 2.0f) * 1.7320508f;
}

struct GenerateTask {
  GenerateRequest request;
  GenerateEvents events;
  std::vector<uint32_t> tokens;  // Prompt and output so far.
};

struct ScoreTask {
  ScoreRequest request;
  ScoreEvents events;
};

using ScriptedTask = std::variant<GenerateTask, ScoreTask>;

void Finish(const GenerateTask& task, absl::StatusOr<FinishReason> result) {
  if (task.events.on_done) task.events.on_done(std::move(result));
}
void Finish(const ScoreTask& task, absl::StatusOr<std::vector<ScoredToken>> result) {
  if (task.events.on_done) task.events.on_done(std::move(result));
}

}  // namespace

void ScriptedLogits(const ScriptedOptions& options, std::span<const uint32_t> before,
                    std::span<float> out) {
  uint64_t context = Mix(options.model_seed);
  for (size_t i = 0; i < std::min(kOrder, before.size()); ++i) {
    context = Mix(context ^ before[before.size() - 1 - i]);
  }
  const uint64_t error = Mix(context ^ Mix(options.noise_seed));
  for (size_t id = 0; id < out.size(); ++id) {
    out[id] = kLogitSpread * Spread(Mix(context + id));
    if (options.noise > 0) out[id] += options.noise * Spread(Mix(error + id));
  }
}

class ScriptedEngine::State : public std::enable_shared_from_this<State> {
 public:
  State(Loop& loop, ScriptedOptions options) : loop_(loop), options_(std::move(options)) {}

  const ScriptedOptions& options() const { return options_; }
  RequestId NextId() { return next_id_++; }

  // Runs on the loop, unless the engine is gone by then.
  void Post(std::function<void(State&)> action) {
    loop_.Post([weak = weak_from_this(), action = std::move(action)] {
      if (const auto state = weak.lock()) action(*state);
    });
  }

  void Add(RequestId id, ScriptedTask task) {
    if (hanging_) {
      waiting_.emplace(id, std::move(task));
      return;
    }
    const absl::Status refusal = Refusal(task);
    if (!refusal.ok()) return FinishWith(task, refusal);
    waiting_.emplace(id, std::move(task));
    StartWaiting();
  }

  void Cancel(RequestId id) {
    auto from = running_.find(id) != running_.end() ? &running_ : &waiting_;
    const auto found = from->find(id);
    if (hanging_ || found == from->end()) return;
    const ScriptedTask task = std::move(found->second);
    from->erase(found);
    if (const auto* generate = std::get_if<GenerateTask>(&task)) {
      Finish(*generate, FinishReason::kCancelled);
    } else {
      Finish(std::get<ScoreTask>(task), absl::CancelledError("cancelled by the caller"));
    }
    StartWaiting();
  }

  void Fail(absl::Status status) {
    failure_ = std::move(status);
    hanging_ = false;
    const auto running = std::exchange(running_, {});
    const auto waiting = std::exchange(waiting_, {});
    for (const auto* tasks : {&running, &waiting}) {
      for (const auto& [id, task] : *tasks) FinishWith(task, failure_);
    }
  }

  void Hang() { hanging_ = true; }

  void Recover() {
    failure_ = absl::OkStatus();
    if (!std::exchange(hanging_, false)) return;
    for (const auto& [id, task] : running_) StepLater(id, options_.us_per_token);
    const auto waiting = std::exchange(waiting_, {});
    for (const auto& [id, task] : waiting) Add(id, task);
  }

 private:
  absl::Status Refusal(const ScriptedTask& task) const {
    if (!failure_.ok()) return failure_;
    if (running_.size() >= options_.running_max && waiting_.size() >= options_.waiting_max) {
      return absl::ResourceExhaustedError(fmt::format("{} requests are waiting, at most {}",
                                                      waiting_.size(), options_.waiting_max));
    }
    return std::visit([&](const auto& t) { return CheckRequest(t.request, options_.info); }, task);
  }

  static void FinishWith(const ScriptedTask& task, const absl::Status& status) {
    std::visit([&](const auto& t) { Finish(t, status); }, task);
  }

  void StartWaiting() {
    while (!waiting_.empty() && running_.size() < options_.running_max) {
      auto first = waiting_.extract(waiting_.begin());
      const RequestId id = first.key();
      size_t prefill = 0;
      if (auto* generate = std::get_if<GenerateTask>(&first.mapped())) {
        generate->tokens = generate->request.prompt;
        prefill = generate->tokens.size();
      } else {
        prefill = std::get<ScoreTask>(first.mapped()).request.tokens.size();
      }
      running_.insert(std::move(first));
      StepLater(id, options_.us_per_prompt_token * static_cast<int64_t>(prefill));
    }
  }

  void StepLater(RequestId id, int64_t delay_us) {
    loop_.PostAfter(delay_us, [weak = weak_from_this(), id] {
      if (const auto state = weak.lock()) state->Step(id);
    });
  }

  void Step(RequestId id) {
    const auto found = running_.find(id);
    if (hanging_ || found == running_.end()) return;
    if (auto* generate = std::get_if<GenerateTask>(&found->second)) {
      StepGenerate(id, *generate);
    } else {
      const ScriptedTask task = TakeRunning(id);
      Finish(std::get<ScoreTask>(task), Scored(std::get<ScoreTask>(task).request));
    }
  }

  // An event may cancel the request or end the engine, so nothing of ours is used after one.
  void StepGenerate(RequestId id, GenerateTask& task) {
    const GenerateRequest& request = task.request;
    const std::vector<float> logits = LogitsAfter(task.tokens);
    const std::span<const uint32_t> output = std::span(task.tokens).subspan(request.prompt.size());
    const uint32_t drawn = DrawToken(logits, request.sampler, request.sampling_seed,
                                     static_cast<uint32_t>(output.size()), request.prompt, output)
                               .id;
    task.tokens.push_back(drawn);
    const TokenFacts facts = FactsOf(logits, Summarise(logits), drawn, request.top_k_facts);
    const auto on_token = task.events.on_token;
    const std::optional<FinishReason> end = EndAfter(task, drawn);
    const std::optional<ScriptedTask> ended =
        end ? std::optional<ScriptedTask>(TakeRunning(id)) : std::nullopt;
    if (!end) StepLater(id, options_.us_per_token);
    if (on_token) on_token(facts);
    if (ended) Finish(std::get<GenerateTask>(*ended), *end);
  }

  static std::optional<FinishReason> EndAfter(const GenerateTask& task, uint32_t drawn) {
    const std::vector<uint32_t>& stops = task.request.stop_ids;
    if (std::find(stops.begin(), stops.end(), drawn) != stops.end()) return FinishReason::kStop;
    const size_t length = task.tokens.size() - task.request.prompt.size();
    if (length == task.request.tokens_max) return FinishReason::kLength;
    return std::nullopt;
  }

  std::vector<ScoredToken> Scored(const ScoreRequest& request) const {
    const std::span<const uint32_t> tokens = request.tokens;
    const std::span<const uint32_t> prompt = tokens.first(request.output_begin);
    std::vector<ScoredToken> scored;
    for (uint32_t i = request.output_begin; i < tokens.size(); ++i) {
      const std::span<const uint32_t> output =
          tokens.subspan(request.output_begin, i - request.output_begin);
      const std::vector<float> logits = LogitsAfter(tokens.first(i));
      const LogitSummary summary = Summarise(logits);
      const CheckedDraw checked = CheckDraw(logits, request.sampler, request.sampling_seed,
                                            i - request.output_begin, prompt, output, tokens[i]);
      scored.push_back({.facts = FactsOf(logits, summary, tokens[i], request.top_k_facts),
                        .entropy = static_cast<float>(summary.entropy),
                        .drawn_id = checked.drawn_id,
                        .margin = checked.margin});
    }
    return scored;
  }

  std::vector<float> LogitsAfter(std::span<const uint32_t> before) const {
    std::vector<float> logits(options_.info.vocabulary);
    ScriptedLogits(options_, before, logits);
    return logits;
  }

  ScriptedTask TakeRunning(RequestId id) {
    ScriptedTask task = std::move(running_.extract(id).mapped());
    // After the event that is about to come: a new request must not overtake it.
    Post([](State& state) { state.StartWaiting(); });
    return task;
  }

  Loop& loop_;
  const ScriptedOptions options_;
  std::atomic<RequestId> next_id_{1};
  // Loop thread only.
  std::map<RequestId, ScriptedTask> running_;  // At most running_max.
  std::map<RequestId, ScriptedTask> waiting_;  // At most waiting_max, more only while hanging.
  absl::Status failure_;
  bool hanging_ = false;
};

ScriptedEngine::ScriptedEngine(Loop& loop, ScriptedOptions options)
    : state_(std::make_shared<State>(loop, std::move(options))) {}

ScriptedEngine::~ScriptedEngine() = default;

EngineInfo ScriptedEngine::Info() const {
  return state_->options().info;
}

Engine::RequestId ScriptedEngine::Generate(GenerateRequest request, GenerateEvents events) {
  const RequestId id = state_->NextId();
  state_->Post([id, task = GenerateTask{std::move(request), std::move(events), {}}](
                   State& state) mutable { state.Add(id, std::move(task)); });
  return id;
}

Engine::RequestId ScriptedEngine::Score(ScoreRequest request, ScoreEvents events) {
  const RequestId id = state_->NextId();
  state_->Post([id, task = ScoreTask{std::move(request), std::move(events)}](State& state) mutable {
    state.Add(id, std::move(task));
  });
  return id;
}

void ScriptedEngine::Cancel(RequestId request) {
  state_->Post([request](State& state) { state.Cancel(request); });
}

void ScriptedEngine::Fail(absl::Status status) {
  state_->Post([status = std::move(status)](State& state) { state.Fail(status); });
}

void ScriptedEngine::Hang() {
  state_->Post([](State& state) { state.Hang(); });
}

void ScriptedEngine::Recover() {
  state_->Post([](State& state) { state.Recover(); });
}

}  // namespace gonka::engine
