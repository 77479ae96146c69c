#pragma once

// Evidence against an executor: log e-values in millinats (1/1000 of a natural logarithm's unit).

#include "gonka/protocol/genesis.h"

namespace gonka::reputation {

// Between evidence_min_millinats and evidence_max_millinats.
int32_t ClipEvidence(const CheckParams& params, int32_t evidence_millinats);

// max(0, cusum + evidence): good answers earn no credit. cusum is not negative.
int64_t CusumStep(int64_t cusum_millinats, int32_t evidence_millinats);

}  // namespace gonka::reputation
