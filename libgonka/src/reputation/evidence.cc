#include "gonka/reputation/evidence.h"

#include <algorithm>

namespace gonka::reputation {

int32_t ClipEvidence(const CheckParams& params, int32_t evidence_millinats) {
  GONKA_CHECK(params.evidence_min_millinats <= params.evidence_max_millinats);
  return std::clamp(evidence_millinats, params.evidence_min_millinats,
                    params.evidence_max_millinats);
}

int64_t CusumStep(int64_t cusum_millinats, int32_t evidence_millinats) {
  GONKA_CHECK(cusum_millinats >= 0 && cusum_millinats < INT64_MAX - INT32_MAX);
  return std::max<int64_t>(0, cusum_millinats + evidence_millinats);
}

}  // namespace gonka::reputation
