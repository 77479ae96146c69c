#pragma once

// From the request's wire form to what an engine takes.

#include "gonka/engine/sampler.h"
#include "gonka/protocol/request.h"

namespace gonka::node {

inline engine::SamplerOptions SamplerOf(const Sampling& sampling) {
  engine::SamplerOptions options{.temperature_ppm = sampling.temperature_ppm,
                                 .top_p_ppm = sampling.top_p_ppm,
                                 .top_k = sampling.top_k,
                                 .min_p_ppm = sampling.min_p_ppm,
                                 .repetition_penalty_ppm = sampling.repetition_penalty_ppm,
                                 .presence_penalty_ppm = sampling.presence_penalty_ppm,
                                 .frequency_penalty_ppm = sampling.frequency_penalty_ppm,
                                 .logit_bias = {}};
  for (const TokenBias& bias : sampling.logit_bias) {
    options.logit_bias.push_back({.id = bias.id, .bias_ppm = bias.bias_ppm});
  }
  return options;
}

}  // namespace gonka::node
