#pragma once

// Evidence against an executor: log e-values in millinats (1/1000 of a natural logarithm's unit).

#include <span>

#include "gonka/protocol/genesis.h"

namespace gonka::reputation {

// Between evidence_min_millinats and evidence_max_millinats.
int32_t ClipEvidence(const CheckParams& params, int32_t evidence_millinats);

// max(0, cusum + evidence): good answers earn no credit. cusum is not negative.
int64_t CusumStep(int64_t cusum_millinats, int32_t evidence_millinats);

// One answer of a hearing's sample, as a voter found it.
struct SampledAnswer {
  AccountId developer;
  AccountId ta;
  int32_t evidence_millinats = 0;
};

// What the sample says against its executor: the sum over the answers, each clipped. Where it has
// answers to three or more developers, those to one of them count for at most share_per_party of
// conviction_millinats, rounded up; likewise of transfer agents. The smallest of the three sums.
int32_t HearingEvidence(const CheckParams& params, std::span<const SampledAnswer> answers);

}  // namespace gonka::reputation
