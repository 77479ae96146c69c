#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/exact_math.h"
#include "engine/kernels/rotary.h"
#include "gonka/base/check.h"

namespace gonka::engine::kernels {
namespace {

using model::ModelConfig;
using model::RopeScaling;
using model::RopeScalingType;

// Llama 3.1: wavelengths beyond original / low_freq_factor are stretched by factor, those below
// original / high_freq_factor are kept, in between both are mixed.
double Llama3(double frequency, const RopeScaling& scaling) {
  const double turns = scaling.original_context * frequency / (2 * std::numbers::pi);
  if (turns > scaling.high_freq_factor) return frequency;
  if (turns < scaling.low_freq_factor) return frequency / scaling.factor;
  const double kept = (turns - scaling.low_freq_factor) /
                      (double{scaling.high_freq_factor} - scaling.low_freq_factor);
  return (1 - kept) * frequency / scaling.factor + kept * frequency;
}

// The (fractional) number of the pair that turns so often within the original context.
double YarnPairOf(double turns, const ModelConfig& config) {
  return config.head_dim *
         internal::Log(config.rope_scaling.original_context / (turns * 2 * std::numbers::pi)) /
         (2 * internal::Log(double{config.rope_theta}));
}

// YaRN: pairs before the ramp are kept, those behind it are stretched by factor.
double Yarn(double frequency, uint32_t pair, const ModelConfig& config) {
  const RopeScaling& scaling = config.rope_scaling;
  double low = YarnPairOf(scaling.beta_fast, config);
  double high = YarnPairOf(scaling.beta_slow, config);
  if (scaling.truncate) {
    low = std::floor(low);
    high = std::ceil(high);
  }
  low = std::max(low, 0.0);
  high = std::min(high, config.head_dim - 1.0);
  if (low == high) high += 0.001;
  const double stretched = std::clamp((pair - low) / (high - low), 0.0, 1.0);
  return stretched * frequency / scaling.factor + (1 - stretched) * frequency;
}

}  // namespace

std::vector<double> RopeFrequencies(const ModelConfig& config, std::span<const float> divisors) {
  const uint32_t pairs = config.head_dim / 2;
  const bool by_tensor = config.rope_scaling.type == RopeScalingType::kTensor;
  GONKA_CHECK(divisors.size() == (by_tensor ? pairs : 0));
  std::vector<double> frequencies(pairs);
  const double log_theta = internal::Log(double{config.rope_theta});
  for (uint32_t i = 0; i < pairs; ++i) {
    double frequency = internal::Exp(-(2.0 * i / config.head_dim * log_theta));
    switch (config.rope_scaling.type) {
      case RopeScalingType::kNone:
        break;
      case RopeScalingType::kLinear:
        frequency /= config.rope_scaling.factor;
        break;
      case RopeScalingType::kLlama3:
        frequency = Llama3(frequency, config.rope_scaling);
        break;
      case RopeScalingType::kYarn:
        frequency = Yarn(frequency, i, config);
        break;
      case RopeScalingType::kTensor:
        frequency /= divisors[i];
        break;
    }
    frequencies[i] = frequency;
  }
  return frequencies;
}

}  // namespace gonka::engine::kernels
