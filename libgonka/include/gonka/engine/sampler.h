#pragma once

// Which token comes next: a pure function of the logits, the tokens so far, the options and a seed,
// specified to the bit in libgonka/doc/sampler.md, so that the draw itself is evidence.
//
// Any thread. About 0.1 ms for 50,000 logits at temperature 1 without filters.

#include <cstdint>
#include <span>
#include <vector>

#include "gonka/base/amount.h"
#include "gonka/base/bytes.h"
#include "gonka/base/status.h"

namespace gonka::engine {

struct LogitBias {
  uint32_t id = 0;
  int32_t bias_ppm = 0;  // Added to the logit: nats x 10^6.

  bool operator==(const LogitBias&) const = default;
};

// Integers throughout, because these settings are hashed, signed and compared.
struct SamplerOptions {
  static constexpr size_t kLogitBiasMax = 1024;

  uint32_t temperature_ppm = 1'000'000;  // 0 is greedy: the likeliest token, lowest id on ties.
  uint32_t top_p_ppm = 1'000'000;        // 10^6 keeps all.
  uint32_t top_k = 0;                    // 0 keeps all.
  uint32_t min_p_ppm = 0;
  uint32_t repetition_penalty_ppm = 1'000'000;
  int32_t presence_penalty_ppm = 0;
  int32_t frequency_penalty_ppm = 0;
  std::vector<LogitBias> logit_bias = {};  // Ascending by id, each id once.

  bool operator==(const SamplerOptions&) const = default;
};

// InvalidArgument names the option, its value and its range. DrawToken and CheckDraw take only
// options that pass; engines check those of every request.
absl::Status CheckSamplerOptions(const SamplerOptions& options, uint32_t vocabulary);

struct Draw {
  uint32_t id = 0;
};

// A draw, and how it compares with a token that somebody claims was drawn.
struct CheckedDraw {
  uint32_t drawn_id = 0;
  float margin = 0;  // See ScoredToken::margin.
};

// position counts output tokens from 0; prompt and output are the tokens before it. Penalties count
// output tokens only, except the repetition penalty, which counts the prompt too. logits has one
// element for each id of the vocabulary, at least one.
Draw DrawToken(std::span<const float> logits, const SamplerOptions& options,
               const Hash& sampling_seed, uint32_t position, std::span<const uint32_t> prompt,
               std::span<const uint32_t> output);
CheckedDraw CheckDraw(std::span<const float> logits, const SamplerOptions& options,
                      const Hash& sampling_seed, uint32_t position,
                      std::span<const uint32_t> prompt, std::span<const uint32_t> output,
                      uint32_t claimed_id);

}  // namespace gonka::engine
