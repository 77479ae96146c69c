#include "verification/runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>

#include "gonka/crypto/hash.h"
#include "gonka/verify/channels.h"

namespace gonka::calibrate {
namespace {

// Keeps so many requests in flight, and waits for all of them.
class Window {
 public:
  explicit Window(uint32_t size) : size_(size) {}

  void Enter() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return in_flight_ < size_; });
    ++in_flight_;
  }
  void Leave(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    if (!status.ok() && first_error_.ok()) first_error_ = status;
    --in_flight_;
    changed_.notify_all();
  }
  absl::Status WaitForAll() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return in_flight_ == 0; });
    return first_error_;
  }

 private:
  const uint32_t size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint32_t in_flight_ = 0;
  absl::Status first_error_;
};

struct Written {
  std::vector<engine::TokenFacts> facts;
  bool stopped = false;
};

std::vector<uint32_t> IdsOf(const std::vector<engine::TokenFacts>& facts) {
  std::vector<uint32_t> ids;
  for (const engine::TokenFacts& token : facts) ids.push_back(token.id);
  return ids;
}

absl::StatusOr<AnswerRecord> Record(uint32_t question, const Written& written, uint32_t k,
                                    uint32_t vocabulary) {
  auto artifact = verify::BuildArtifact(written.facts, {.k = k, .vocabulary = vocabulary});
  if (!artifact.ok()) return artifact.status();
  return AnswerRecord{.question = question,
                      .stopped = written.stopped,
                      .output = IdsOf(written.facts),
                      .artifact = *std::move(artifact)};
}

engine::SamplerOptions Altered(engine::SamplerOptions options, double temperature_factor) {
  options.temperature_ppm =
      static_cast<uint32_t>(std::lround(options.temperature_ppm * temperature_factor));
  return options;
}

absl::StatusOr<std::vector<std::vector<engine::ScoredToken>>> ScoreAll(
    engine::Engine& engine, uint32_t in_flight, const std::vector<Question>& questions,
    const AnswersRecord& answers) {
  std::vector<std::vector<engine::ScoredToken>> all(answers.answers.size());
  Window window(in_flight);
  for (size_t i = 0; i < all.size(); ++i) {
    const AnswerRecord& answer = answers.answers[i];
    const Question& question = questions[answer.question];
    engine::ScoreRequest request{.tokens = question.prompt,
                                 .output_begin = static_cast<uint32_t>(question.prompt.size()),
                                 .top_k_facts = verify::kVerifierTopK,
                                 .sampler = question.sampler,
                                 .sampling_seed = question.sampling_seed};
    request.tokens.insert(request.tokens.end(), answer.output.begin(), answer.output.end());
    window.Enter();
    engine.Score(std::move(request), {.on_done = [&window, &all, i](auto scores) {
                   if (scores.ok()) all[i] = *std::move(scores);
                   window.Leave(scores.status());
                 }});
  }
  GONKA_RETURN_IF_ERROR(window.WaitForAll());
  return all;
}

uint32_t Micro(double nats) {
  const double micro = std::round(nats * 1e6);
  return micro < 4294967295.0 ? static_cast<uint32_t>(std::max(micro, 0.0)) : UINT32_MAX;
}

absl::StatusOr<MeasuredRecord> Measure(const AnswerRecord& answer,
                                       const std::vector<engine::ScoredToken>& scores) {
  MeasuredRecord measured{.question = answer.question, .tokens = {}};
  for (uint32_t leaf = 0; leaf < answer.artifact.blocks.size(); ++leaf) {
    const auto ids = std::span(answer.output).subspan(size_t{leaf} * verify::kLeafTokens);
    GONKA_ASSIGN_OR_RETURN(
        const auto tokens,
        verify::DecodeBlock(answer.artifact.shape,
                            ids.first(std::min<size_t>(ids.size(), verify::kLeafTokens)),
                            answer.artifact.blocks[leaf]));
    for (const verify::ArtifactToken& token : tokens) {
      const engine::ScoredToken& score = scores[measured.tokens.size()];
      measured.tokens.push_back(
          {.entropy_micronats = Micro(score.entropy),
           .deviation_micronats = Micro(verify::Deviation(token, score, answer.artifact.shape.k)),
           .margin_micronats = Micro(score.margin)});
    }
  }
  return measured;
}

}  // namespace

absl::StatusOr<AnswersRecord> RunAnswers(engine::Engine& engine, const Executor& executor,
                                         const std::vector<Question>& questions,
                                         const RunOptions& options) {
  std::vector<Written> written(questions.size());
  Window window(executor.machine.running);
  for (size_t i = 0; i < questions.size(); ++i) {
    const Question& question = questions[i];
    engine::GenerateRequest request{
        .prompt = question.prompt,
        .tokens_max = options.tokens_max,
        .top_k_facts = options.k,
        .sampler = Altered(question.sampler, executor.temperature_factor),
        .sampling_seed = executor.other_seed ? TaggedHash("gonka/calibrate/other/1", uint64_t{i})
                                             : question.sampling_seed,
        .stop_ids = options.stop_ids};
    window.Enter();
    engine.Generate(std::move(request),
                    {.on_token = [&written, i](const auto& t) { written[i].facts.push_back(t); },
                     .on_done =
                         [&window, &written, i](const auto& finish) {
                           written[i].stopped =
                               finish.ok() && *finish == engine::FinishReason::kStop;
                           window.Leave(finish.status());
                         }});
  }
  GONKA_RETURN_IF_ERROR(window.WaitForAll());
  const engine::EngineInfo info = engine.Info();
  AnswersRecord record{.executor_class = info.kernel_class, .answers = {}};
  for (uint32_t i = 0; i < written.size(); ++i) {
    GONKA_ASSIGN_OR_RETURN(AnswerRecord answer, Record(i, written[i], options.k, info.vocabulary));
    record.answers.push_back(std::move(answer));
  }
  return record;
}

absl::StatusOr<AnswersRecord> RunForgery(engine::Engine& engine, const Executor& executor,
                                         const std::vector<Question>& questions,
                                         const RunOptions& options, const AnswersRecord& written) {
  GONKA_ASSIGN_OR_RETURN(const auto scores,
                         ScoreAll(engine, executor.machine.running, questions, written));
  const engine::EngineInfo info = engine.Info();
  AnswersRecord record{.executor_class = info.kernel_class, .answers = {}};
  for (size_t i = 0; i < scores.size(); ++i) {
    Written forged{.facts = {}, .stopped = written.answers[i].stopped == 1};
    for (const engine::ScoredToken& score : scores[i]) forged.facts.push_back(score.facts);
    GONKA_ASSIGN_OR_RETURN(AnswerRecord answer,
                           Record(written.answers[i].question, forged, options.k, info.vocabulary));
    record.answers.push_back(std::move(answer));
  }
  return record;
}

absl::StatusOr<ScoresRecord> RunScores(engine::Engine& engine, uint32_t in_flight,
                                       const std::vector<Question>& questions,
                                       const AnswersRecord& answers) {
  GONKA_ASSIGN_OR_RETURN(const auto scores, ScoreAll(engine, in_flight, questions, answers));
  ScoresRecord record;
  record.executor_class = answers.executor_class;
  record.verifier_class = Text<128>(engine.Info().kernel_class);
  for (size_t i = 0; i < scores.size(); ++i) {
    GONKA_ASSIGN_OR_RETURN(MeasuredRecord measured, Measure(answers.answers[i], scores[i]));
    record.answers.push_back(std::move(measured));
  }
  return record;
}

}  // namespace gonka::calibrate
