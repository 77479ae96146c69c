#pragma once

// Step 5 of doc/sampler.md: which ids top-k, top-p and min-p leave over.

#include <cstdint>
#include <vector>

#include "engine/adjusted.h"

namespace gonka::engine::internal {

struct Candidate {
  double score = 0;  // The adjusted logit.
  uint32_t id = 0;
};

// The order of ranks: higher score first, lower id first among equals.
inline bool RanksBefore(const Candidate& a, const Candidate& b) {
  return a.score > b.score || (a.score == b.score && a.id < b.id);
}

bool HasFilters(const SamplerOptions& options);
// In no particular order; empty only where every id is excluded.
std::vector<Candidate> Kept(const Adjusted& scores, const SamplerOptions& options);

}  // namespace gonka::engine::internal
