#pragma once

// The statistics. Each channel turns an answer into one score per token, >= 0, whose mean is at
// most 1 where the executor is honest and the null's bounds hold (calibration.h).
//
//   A  Was the right forward pass run? The artifact's log-probabilities against the verifier's.
//   B  Were these tokens drawn from it? The margin by which the seeded sampler would have drawn
//      another. An artifact can be forged by running the right model over a cheap model's text;
//      the draws cannot.
//   E  Structure: facts without noise.
//
// A seed-free test of the text (NLL minus entropy) and a sketch of the hidden state are not built.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "gonka/engine/engine.h"
#include "gonka/protocol/request.h"
#include "gonka/verify/artifact.h"
#include "gonka/verify/calibration.h"

namespace gonka::verify {

// The verifier asks Score for this many facts, so that the executor's entries are among them.
inline constexpr uint32_t kVerifierTopK = 20;
inline constexpr double kMarginClipNats = 0.25;
inline constexpr double kDeviationScoreMax = 6;

// Mean absolute difference between the stated and the recomputed log-probabilities in nats, over
// the ids that either side lists and the chosen one, after their common shift is taken out (the
// log-normaliser's error is common to all). An id that the executor left out counts by how far the
// recomputed value lies above its last entry: leaving out never pays. One that the verifier did not
// report counts by how far the stated value lies above the verifier's last.
double Deviation(const ArtifactToken& stated, const engine::ScoredToken& recomputed, uint32_t k);

// margin (ScoredToken::margin) / kMarginClipNats, at most 1.
double ClippedMargin(double margin);

// min(6, deviation / bound of the token's bin), and clipped margin / bound of the token's bin.
double DeviationScore(const Null& null, float entropy, double deviation);
double MarginScore(const Null& null, float entropy, double margin);

// What the request and the record say about an answer's shape.
struct Structure {
  std::span<const uint32_t> output;
  FinishCode finish = FinishCode::kStop;
  uint32_t tokens_max = 0;
  uint32_t vocabulary = 0;
  std::span<const uint32_t> stop_ids;
  // One of the request's stop strings appears in the decoded output, and only with its last token.
  bool ends_with_stop_string = false;
};
// What is wrong, in words, or nothing: no tokens, more than tokens_max, an id out of the
// vocabulary, tokens after a stop id, kStop without a stop, kLength before tokens_max.
std::optional<std::string> StructureFault(const Structure& structure);
// An answer that ends with a stop id which the sampler did not draw was cut short. A nat is far
// beyond what any honest rounding moves.
std::optional<std::string> StopFault(const Structure& structure,
                                     const engine::ScoredToken& last_token);

}  // namespace gonka::verify
