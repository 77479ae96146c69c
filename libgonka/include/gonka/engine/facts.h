#pragma once

// What an engine reports about a token: log-softmax of the raw logits, their entropy, the k
// likeliest ids. Every engine that holds logits calls these, so that equal logits give equal facts
// to the bit, from Generate and from Score, on every machine. Order of operations in
// doc/sampler.md.
//
// Any thread. About 0.1 ms for 50,000 logits.

#include <cstdint>
#include <span>
#include <vector>

#include "gonka/engine/engine.h"

namespace gonka::engine {

// One pass over the logits of a position. Ids whose logit is NaN or minus infinity have probability
// 0, plus infinity counts as the largest float; `finite` says that there was none of the three,
// which a correct forward pass never produces.
struct LogitSummary {
  double largest = 0;
  double log_sum = 0;  // Of e^(logit - largest).
  double entropy = 0;  // In nats.
  bool finite = true;
};

// logits must not be empty.
LogitSummary Summarise(std::span<const float> logits);
float Logprob(const LogitSummary& summary, float logit);
// The count likeliest, descending, equal ones by ascending id; fewer where the vocabulary is
// smaller.
std::vector<TopEntry> TopLogprobs(std::span<const float> logits, const LogitSummary& summary,
                                  uint32_t count);
TokenFacts FactsOf(std::span<const float> logits, const LogitSummary& summary, uint32_t id,
                   uint32_t top_count);

}  // namespace gonka::engine
