#include "engine/adjusted.h"

#include <algorithm>

#include "engine/clones.h"

namespace gonka::engine::internal {
namespace {

constexpr double kLargest = std::numeric_limits<float>::max();
constexpr double kMillion = 1e6;

inline double Finite(float logit) {
  const double x = logit;
  const double bounded = x > kLargest ? kLargest : x;
  return bounded >= -kLargest ? bounded : kExcluded;  // NaN compares false.
}

GONKA_CLONES
void FillFinite(const float* logits, size_t count, double* out) {
  for (size_t j = 0; j < count; ++j) out[j] = Finite(logits[j]);
}

GONKA_CLONES
void FillDivided(const float* logits, size_t count, double temperature, double* out) {
  for (size_t j = 0; j < count; ++j) out[j] = Finite(logits[j]) / temperature;
}

bool Penalises(const SamplerOptions& options) {
  return options.repetition_penalty_ppm != 1'000'000 || options.presence_penalty_ppm != 0 ||
         options.frequency_penalty_ppm != 0;
}

double Penalised(double x, uint32_t output_count, const SamplerOptions& options) {
  const double repetition = options.repetition_penalty_ppm / kMillion;
  x = x > 0 ? x / repetition : x * repetition;
  if (output_count == 0) return x;
  x = x - (options.frequency_penalty_ppm / kMillion) * static_cast<double>(output_count);
  return x - options.presence_penalty_ppm / kMillion;
}

// Ids that occur in prompt or output, with what the penalties make of their logits.
std::vector<std::pair<uint32_t, double>> PenalisedLogits(std::span<const float> logits,
                                                         const SamplerOptions& options,
                                                         std::span<const uint32_t> prompt,
                                                         std::span<const uint32_t> output) {
  std::vector<uint32_t> output_count(logits.size(), 0);
  std::vector<uint32_t> occurring;
  for (const uint32_t id : output) {
    if (id >= logits.size()) continue;
    if (output_count[id]++ == 0) occurring.push_back(id);
  }
  for (const uint32_t id : prompt) {
    if (id < logits.size()) occurring.push_back(id);
  }
  std::sort(occurring.begin(), occurring.end());
  occurring.erase(std::unique(occurring.begin(), occurring.end()), occurring.end());
  std::vector<std::pair<uint32_t, double>> changed;
  changed.reserve(occurring.size());
  for (const uint32_t id : occurring) {
    changed.emplace_back(id, Penalised(Finite(logits[id]), output_count[id], options));
  }
  return changed;
}

// Both lists ascend by id; so does the result.
std::vector<std::pair<uint32_t, double>> Biased(std::vector<std::pair<uint32_t, double>> changed,
                                                std::span<const float> logits,
                                                const std::vector<LogitBias>& biases) {
  std::vector<std::pair<uint32_t, double>> merged;
  merged.reserve(changed.size() + biases.size());
  auto next = changed.begin();
  for (const LogitBias& bias : biases) {
    while (next != changed.end() && next->first < bias.id) merged.push_back(*next++);
    const bool penalised = next != changed.end() && next->first == bias.id;
    const double x = penalised ? (next++)->second : Finite(logits[bias.id]);
    merged.emplace_back(bias.id, x + bias.bias_ppm / kMillion);
  }
  merged.insert(merged.end(), next, changed.end());
  return merged;
}

}  // namespace

Adjusted::Adjusted(std::span<const float> logits, const SamplerOptions& options,
                   std::span<const uint32_t> prompt, std::span<const uint32_t> output)
    : logits_(logits),
      temperature_(options.temperature_ppm == 0 ? 1.0 : options.temperature_ppm / kMillion) {
  if (Penalises(options)) changed_ = PenalisedLogits(logits, options, prompt, output);
  if (!options.logit_bias.empty()) {
    changed_ = Biased(std::move(changed_), logits, options.logit_bias);
  }
  for (auto& [id, x] : changed_) x = x / temperature_;
}

void Adjusted::Fill(size_t begin, std::span<double, kChunk> out) const {
  const size_t count = std::min(kChunk, logits_.size() - begin);
  if (temperature_ == 1.0) {
    FillFinite(logits_.data() + begin, count, out.data());
  } else {
    FillDivided(logits_.data() + begin, count, temperature_, out.data());
  }
  std::fill(out.begin() + static_cast<ptrdiff_t>(count), out.end(), kExcluded);
  const auto below = [](const std::pair<uint32_t, double>& a, size_t id) { return a.first < id; };
  for (auto it = std::lower_bound(changed_.begin(), changed_.end(), begin, below);
       it != changed_.end() && it->first < begin + count; ++it) {
    out[it->first - begin] = it->second;
  }
}

double Adjusted::At(uint32_t id) const {
  if (id >= logits_.size()) return kExcluded;
  const auto below = [](const std::pair<uint32_t, double>& a, uint32_t b) { return a.first < b; };
  const auto it = std::lower_bound(changed_.begin(), changed_.end(), id, below);
  if (it != changed_.end() && it->first == id) return it->second;
  return Finite(logits_[id]) / temperature_;
}

}  // namespace gonka::engine::internal
