#pragma once

// How far a participant is trusted: 0 to 1,000,000 ppm.

#include "gonka/reputation/misses.h"

namespace gonka::reputation {

// What a participant did in one epoch.
struct EpochConduct {
  uint32_t passes = 0;  // Of its own records.
  MissCount misses;
  bool convicted = false;
  uint32_t fails = 0;  // Of its own records, upheld by a committee.
};

// The reputation after the epoch. A conviction takes all of it; misses beyond bad luck take the
// part that was missed (rounding down); otherwise each fail takes one step of 1 / epochs_to_full
// (rounded up, so that this many steps do reach one), and an epoch without one and with at least
// passes_min passes adds a step; any other changes nothing.
Ppm NextReputation(const ReputationParams& params, Ppm before, const EpochConduct& conduct);

}  // namespace gonka::reputation
