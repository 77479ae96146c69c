#include "engine/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "gonka/engine/facts.h"

namespace gonka::engine {
namespace {

absl::Status NotFinite(size_t token) {
  return absl::InternalError(
      fmt::format("the logits of token {} are not finite: broken weights or memory", token));
}

class GenerateJob final : public Job {
 public:
  GenerateJob(GenerateRequest request, GenerateEvents events)
      : request_(std::move(request)), events_(std::move(events)), tokens_(request_.prompt) {}

  // The last token is drawn but never read.
  size_t CacheTokens() const override { return request_.prompt.size() + request_.tokens_max - 1; }
  std::span<const uint32_t> Tokens() const override { return tokens_; }
  size_t LogitsBegin() const override { return request_.prompt.size() - 1; }
  bool WritesAnswer() const override { return true; }
  bool Answering() const override { return read >= request_.prompt.size(); }

  bool OnLogits(size_t index, std::span<const float> logits) override {
    const LogitSummary summary = Summarise(logits);
    if (!summary.finite) {
      failure_ = NotFinite(index + 1);
      return true;
    }
    const std::span<const uint32_t> output = std::span(tokens_).subspan(request_.prompt.size());
    const Draw drawn = DrawToken(logits, request_.sampler, request_.sampling_seed,
                                 static_cast<uint32_t>(output.size()), request_.prompt, output);
    tokens_.push_back(drawn.id);
    if (events_.on_token) {
      events_.on_token(FactsOf(logits, summary, drawn.id, request_.top_k_facts));
    }
    const auto& stops = request_.stop_ids;
    stopped_ = std::find(stops.begin(), stops.end(), drawn.id) != stops.end();
    return stopped_ || tokens_.size() == request_.prompt.size() + request_.tokens_max;
  }

  void Finish(const absl::Status& status) override {
    if (!events_.on_done) return;
    if (status.code() == absl::StatusCode::kCancelled) {
      events_.on_done(FinishReason::kCancelled);
    } else if (!status.ok()) {
      events_.on_done(status);
    } else if (!failure_.ok()) {
      events_.on_done(failure_);
    } else {
      events_.on_done(stopped_ ? FinishReason::kStop : FinishReason::kLength);
    }
  }

 private:
  const GenerateRequest request_;
  const GenerateEvents events_;
  std::vector<uint32_t> tokens_;
  absl::Status failure_;
  bool stopped_ = false;
};

class ScoreJob final : public Job {
 public:
  ScoreJob(ScoreRequest request, ScoreEvents events)
      : request_(std::move(request)), events_(std::move(events)) {}

  size_t CacheTokens() const override { return Tokens().size(); }
  // What follows the last token is nobody's question.
  std::span<const uint32_t> Tokens() const override {
    return std::span(request_.tokens).first(request_.tokens.size() - 1);
  }
  size_t LogitsBegin() const override { return request_.output_begin - 1; }
  bool WritesAnswer() const override { return false; }
  bool Answering() const override { return false; }

  bool OnLogits(size_t index, std::span<const float> logits) override {
    const LogitSummary summary = Summarise(logits);
    if (!summary.finite) {
      failure_ = NotFinite(index + 1);
      return true;
    }
    const std::span<const uint32_t> tokens = request_.tokens;
    const size_t begin = request_.output_begin;
    const size_t position = index + 1 - begin;
    const uint32_t claimed = tokens[index + 1];
    const CheckedDraw checked =
        CheckDraw(logits, request_.sampler, request_.sampling_seed, static_cast<uint32_t>(position),
                  tokens.first(begin), tokens.subspan(begin, position), claimed);
    scored_.push_back({.facts = FactsOf(logits, summary, claimed, request_.top_k_facts),
                       .entropy = static_cast<float>(summary.entropy),
                       .drawn_id = checked.drawn_id,
                       .margin = checked.margin});
    return scored_.size() == tokens.size() - begin;
  }

  void Finish(const absl::Status& status) override {
    if (!events_.on_done) return;
    if (!status.ok()) {
      events_.on_done(status);
    } else if (!failure_.ok()) {
      events_.on_done(failure_);
    } else {
      events_.on_done(std::move(scored_));
    }
  }

 private:
  const ScoreRequest request_;
  const ScoreEvents events_;
  std::vector<ScoredToken> scored_;
  absl::Status failure_;
};

}  // namespace

std::unique_ptr<Job> MakeGenerateJob(GenerateRequest request, GenerateEvents events) {
  return std::make_unique<GenerateJob>(std::move(request), std::move(events));
}

std::unique_ptr<Job> MakeScoreJob(ScoreRequest request, ScoreEvents events) {
  return std::make_unique<ScoreJob>(std::move(request), std::move(events));
}

}  // namespace gonka::engine
