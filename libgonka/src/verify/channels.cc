#include "gonka/verify/channels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gonka::verify {
namespace {

constexpr double kLogprobMin = -static_cast<double>(kStepsMax) / kStepsPerNat;
constexpr double kStopMarginMax = 1;
// A filter's edge may fall differently on two honest machines, but hardly ever just on a stop id
// that is improbable besides.
constexpr double kStopLogprobMin = -4.6;  // 1 %

// What one side says about an id: a value, or only that it is not above one.
struct Stated {
  double value = 0;
  bool known = false;
};

Stated StatedBy(const ArtifactToken& token, uint32_t id) {
  const auto value = [](uint16_t steps) { return -static_cast<double>(steps) / kStepsPerNat; };
  if (id == token.id) return {value(token.steps), true};
  for (const ArtifactEntry& entry : token.top) {
    if (entry.id == id) return {value(entry.steps), true};
  }
  return {value(token.top.back().steps), false};
}

Stated RecomputedBy(const engine::TokenFacts& facts, uint32_t id) {
  const auto value = [](float logprob) { return std::max<double>(logprob, kLogprobMin); };
  if (id == facts.id) return {value(facts.logprob), true};
  for (const engine::TopEntry& entry : facts.top) {
    if (entry.id == id) return {value(entry.logprob), true};
  }
  return {value(facts.top.empty() ? 0.0f : facts.top.back().logprob), false};
}

// Where one side is known only to lie at or below a value, no more than the certain part counts.
double Residual(const Stated& stated, const Stated& recomputed) {
  const double difference = stated.value - recomputed.value;
  if (!stated.known) return std::min(0.0, difference);
  if (!recomputed.known) return std::max(0.0, difference);
  return difference;
}

std::vector<uint32_t> JoinedIds(const ArtifactToken& stated, const engine::TokenFacts& facts,
                                uint32_t k) {
  std::vector<uint32_t> ids{stated.id};
  for (const ArtifactEntry& entry : stated.top) ids.push_back(entry.id);
  for (size_t i = 0; i < facts.top.size() && i < k; ++i) ids.push_back(facts.top[i].id);
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

bool IsStop(const Structure& structure, uint32_t id) {
  return std::find(structure.stop_ids.begin(), structure.stop_ids.end(), id) !=
         structure.stop_ids.end();
}

std::optional<std::string> TokensFault(const Structure& structure) {
  for (size_t i = 0; i < structure.output.size(); ++i) {
    const uint32_t id = structure.output[i];
    if (id >= structure.vocabulary) {
      return fmt::format("output token {} is id {} of a vocabulary of {}", i, id,
                         structure.vocabulary);
    }
    if (i + 1 < structure.output.size() && IsStop(structure, id)) {
      return fmt::format("the answer goes on after the stop token {} at position {}", id, i);
    }
  }
  return std::nullopt;
}

}  // namespace

double Deviation(const ArtifactToken& stated, const engine::ScoredToken& recomputed, uint32_t k) {
  std::vector<double> residuals;
  double mean = 0;
  for (const uint32_t id : JoinedIds(stated, recomputed.facts, k)) {
    residuals.push_back(Residual(StatedBy(stated, id), RecomputedBy(recomputed.facts, id)));
    mean += residuals.back();
  }
  const auto count = static_cast<double>(residuals.size());
  mean /= count;
  double sum = 0;
  for (const double residual : residuals) sum += std::abs(residual - mean);
  return sum / count;
}

double ClippedMargin(double margin) {
  return std::min(1.0, margin / kMarginClipNats);
}

double DeviationScore(const Null& null, float entropy, double deviation) {
  return std::min(kDeviationScoreMax, deviation / null.Deviation(entropy));
}

double MarginScore(const Null& null, float entropy, double margin) {
  return ClippedMargin(margin) / null.Margin(entropy);
}

std::optional<std::string> StructureFault(const Structure& structure) {
  const size_t tokens = structure.output.size();
  if (tokens > structure.tokens_max) {
    return fmt::format("the answer has {} tokens where {} were asked for", tokens,
                       structure.tokens_max);
  }
  if (tokens == 0 && structure.finish != FinishCode::kCancelled) return "the answer is empty";
  if (auto fault = TokensFault(structure)) return fault;
  const bool stopped = tokens > 0 && IsStop(structure, structure.output.back());
  if (structure.finish == FinishCode::kStop && !stopped && !structure.ends_with_stop_string) {
    return "the answer is said to have stopped, but ends with neither stop token nor stop string";
  }
  if (structure.finish == FinishCode::kLength && tokens != structure.tokens_max) {
    return fmt::format("the answer is said to have reached its length after {} of {} tokens",
                       tokens, structure.tokens_max);
  }
  return std::nullopt;
}

std::optional<std::string> StopFault(const Structure& structure,
                                     const engine::ScoredToken& last_token) {
  if (structure.output.empty() || !IsStop(structure, structure.output.back())) return std::nullopt;
  const double margin = last_token.margin;
  if (margin <= kStopMarginMax) return std::nullopt;
  if (std::isinf(margin) && last_token.facts.logprob > kStopLogprobMin) return std::nullopt;
  return fmt::format(
      "the answer was cut short: its sampling seed draws token {} where the answer stops",
      last_token.drawn_id);
}

}  // namespace gonka::verify
