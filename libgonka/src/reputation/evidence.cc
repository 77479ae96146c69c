#include "gonka/reputation/evidence.h"

#include <algorithm>
#include <map>

namespace gonka::reputation {
namespace {

// Fewer cannot share it in thirds.
constexpr size_t kPartiesMin = 3;

int64_t LimitedSum(const CheckParams& params, const std::map<AccountId, int64_t>& by_party) {
  const int64_t most =
      (int64_t{params.conviction_millinats} * params.share_per_party.value + Ppm::kOne - 1) /
      Ppm::kOne;
  int64_t sum = 0;
  for (const auto& [party, millinats] : by_party) {
    sum += by_party.size() < kPartiesMin ? millinats : std::min(millinats, most);
  }
  return sum;
}

}  // namespace

int32_t ClipEvidence(const CheckParams& params, int32_t evidence_millinats) {
  GONKA_CHECK(params.evidence_min_millinats <= params.evidence_max_millinats);
  return std::clamp(evidence_millinats, params.evidence_min_millinats,
                    params.evidence_max_millinats);
}

int64_t CusumStep(int64_t cusum_millinats, int32_t evidence_millinats) {
  GONKA_CHECK(cusum_millinats >= 0 && cusum_millinats < INT64_MAX - INT32_MAX);
  return std::max<int64_t>(0, cusum_millinats + evidence_millinats);
}

int32_t HearingEvidence(const CheckParams& params, std::span<const SampledAnswer> answers) {
  std::map<AccountId, int64_t> developers;
  std::map<AccountId, int64_t> transfer_agents;
  int64_t sum = 0;
  for (const SampledAnswer& answer : answers) {
    const int32_t millinats = ClipEvidence(params, answer.evidence_millinats);
    developers[answer.developer] += millinats;
    transfer_agents[answer.ta] += millinats;
    sum += millinats;
  }
  sum = std::min({sum, LimitedSum(params, developers), LimitedSum(params, transfer_agents)});
  return static_cast<int32_t>(std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX));
}

}  // namespace gonka::reputation
