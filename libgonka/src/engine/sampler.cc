#include "gonka/engine/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/adjusted.h"
#include "engine/clones.h"
#include "engine/filters.h"
#include "engine/noise.h"

namespace gonka::engine {
namespace {

using internal::Adjusted;
using internal::Candidate;
using internal::kExcluded;
using internal::Noise;

constexpr size_t kChunk = Adjusted::kChunk;

// The greatest of score + GumbelCeiling(high) in a chunk.
GONKA_CLONES
double HighestCeiling(const double* scores, const uint32_t* highs) {
  std::array<double, 16> lanes;
  lanes.fill(kExcluded);
  for (size_t j = 0; j < kChunk; j += lanes.size()) {
    for (size_t l = 0; l < lanes.size(); ++l) {
      const double ceiling = scores[j + l] + internal::GumbelCeiling(highs[j + l]);
      lanes[l] = ceiling > lanes[l] ? ceiling : lanes[l];
    }
  }
  return *std::max_element(lanes.begin(), lanes.end());
}

// The best of the noisy scores seen so far. Two logarithms are taken only for an id whose ceiling
// reaches the best; rounding is monotone, so nothing that is skipped could have won or tied.
class Contest {
 public:
  explicit Contest(const Noise& noise) : noise_(noise) {}

  const Candidate& winner() const { return winner_; }

  void Enter(uint32_t id, double score, uint32_t high) {
    if (score == kExcluded || score + internal::GumbelCeiling(high) < winner_.score) return;
    const Candidate noisy{score + noise_.Gumbel(id, high), id};
    if (RanksBefore(noisy, winner_)) winner_ = noisy;
  }

  void EnterAll(const Adjusted& scores) {
    std::array<double, kChunk> chunk;
    std::array<uint32_t, kChunk> highs;
    for (uint32_t begin = 0; begin < scores.size(); begin += kChunk) {
      scores.Fill(begin, chunk);
      noise_.Highs(begin, highs);
      if (HighestCeiling(chunk.data(), highs.data()) < winner_.score) continue;
      for (uint32_t j = 0; j < kChunk; ++j) Enter(begin + j, chunk[j], highs[j]);
    }
  }

 private:
  const Noise& noise_;
  Candidate winner_{.score = kExcluded, .id = 0};
};

Candidate Likeliest(const Adjusted& scores) {
  Candidate best{.score = kExcluded, .id = 0};
  std::array<double, kChunk> chunk;
  for (uint32_t begin = 0; begin < scores.size(); begin += kChunk) {
    scores.Fill(begin, chunk);
    for (uint32_t j = 0; j < kChunk; ++j) {
      if (chunk[j] > best.score) best = {chunk[j], begin + j};
    }
  }
  return best;
}

// What was drawn, and the final score of a claimed token: kExcluded where the filters drop it.
struct Outcome {
  Candidate drawn;
  double claimed_score = kExcluded;
};

Outcome DrawFrom(const Adjusted& scores, const SamplerOptions& options, const Hash& sampling_seed,
                 uint32_t position, uint32_t claimed_id) {
  if (options.temperature_ppm == 0) return {Likeliest(scores), scores.At(claimed_id)};
  const Noise noise(sampling_seed, position);
  Contest contest(noise);
  double claimed = kExcluded;
  if (internal::HasFilters(options)) {
    for (const Candidate& c : Kept(scores, options)) {
      contest.Enter(c.id, c.score, noise.High(c.id));
      if (c.id == claimed_id) claimed = c.score;
    }
  } else {
    contest.EnterAll(scores);
    claimed = scores.At(claimed_id);
  }
  if (claimed != kExcluded) claimed = claimed + noise.Gumbel(claimed_id, noise.High(claimed_id));
  return {contest.winner(), claimed};
}

// In nats of the logits, whatever the temperature: scores were divided by it.
float Margin(const Outcome& outcome, uint32_t claimed_id, double temperature) {
  if (outcome.drawn.id == claimed_id) return 0;
  if (outcome.claimed_score == kExcluded) return std::numeric_limits<float>::infinity();
  const double margin = (outcome.drawn.score - outcome.claimed_score) * temperature;
  return static_cast<float>(std::min<double>(margin, std::numeric_limits<float>::max()));
}

absl::Status OutOfRange(const char* option, int64_t value, int64_t least, int64_t most) {
  return absl::InvalidArgumentError(
      fmt::format("{} is {}, which is not in {} .. {}", option, value, least, most));
}

absl::Status CheckRange(const char* option, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return OutOfRange(option, value, least, most);
}

absl::Status CheckLogitBias(const std::vector<LogitBias>& biases, uint32_t vocabulary) {
  if (biases.size() > SamplerOptions::kLogitBiasMax) {
    return absl::InvalidArgumentError(fmt::format("logit_bias has {} entries, at most {} are taken",
                                                  biases.size(), SamplerOptions::kLogitBiasMax));
  }
  for (size_t i = 0; i < biases.size(); ++i) {
    const auto& [id, bias_ppm] = biases[i];
    if (id >= vocabulary) {
      return absl::InvalidArgumentError(
          fmt::format("logit_bias names token {}, the vocabulary has {}", id, vocabulary));
    }
    if (i > 0 && biases[i - 1].id >= id) {
      return absl::InvalidArgumentError(fmt::format("logit_bias is not ascending at token {}", id));
    }
    GONKA_RETURN_IF_ERROR(CheckRange("logit_bias_ppm", bias_ppm, -1'000'000'000, 1'000'000'000));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSamplerOptions(const SamplerOptions& options, uint32_t vocabulary) {
  GONKA_RETURN_IF_ERROR(CheckRange("temperature_ppm", options.temperature_ppm, 0, 100'000'000));
  GONKA_RETURN_IF_ERROR(CheckRange("top_p_ppm", options.top_p_ppm, 0, 1'000'000));
  GONKA_RETURN_IF_ERROR(CheckRange("min_p_ppm", options.min_p_ppm, 0, 1'000'000));
  GONKA_RETURN_IF_ERROR(
      CheckRange("repetition_penalty_ppm", options.repetition_penalty_ppm, 10'000, 100'000'000));
  GONKA_RETURN_IF_ERROR(
      CheckRange("presence_penalty_ppm", options.presence_penalty_ppm, -100'000'000, 100'000'000));
  GONKA_RETURN_IF_ERROR(CheckRange("frequency_penalty_ppm", options.frequency_penalty_ppm,
                                   -100'000'000, 100'000'000));
  return CheckLogitBias(options.logit_bias, vocabulary);
}

Draw DrawToken(std::span<const float> logits, const SamplerOptions& options,
               const Hash& sampling_seed, uint32_t position, std::span<const uint32_t> prompt,
               std::span<const uint32_t> output) {
  GONKA_CHECK(!logits.empty());
  const Adjusted scores(logits, options, prompt, output);
  constexpr uint32_t kNobody = UINT32_MAX;
  return {DrawFrom(scores, options, sampling_seed, position, kNobody).drawn.id};
}

CheckedDraw CheckDraw(std::span<const float> logits, const SamplerOptions& options,
                      const Hash& sampling_seed, uint32_t position,
                      std::span<const uint32_t> prompt, std::span<const uint32_t> output,
                      uint32_t claimed_id) {
  GONKA_CHECK(!logits.empty());
  const Adjusted scores(logits, options, prompt, output);
  const Outcome outcome = DrawFrom(scores, options, sampling_seed, position, claimed_id);
  return {outcome.drawn.id, Margin(outcome, claimed_id, scores.temperature())};
}

}  // namespace gonka::engine
