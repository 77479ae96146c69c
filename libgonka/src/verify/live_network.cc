#include "gonka/verify/live_network.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gonka/base/check.h"

namespace gonka::verify::live {
namespace {

constexpr double kNotZero = 1e-6;
constexpr size_t kPositionsMin = 100;

double LogprobOfMissing(const Logprobs& executor) {
  GONKA_CHECK(executor.size() >= 2);
  double smallest = std::numeric_limits<double>::infinity();
  double second = smallest;
  for (const auto& [id, logprob] : executor) {
    second = std::min(second, std::max(smallest, logprob));
    smallest = std::min(smallest, logprob);
  }
  return 2 * smallest - second;
}

}  // namespace

double PositionDistance(const Logprobs& executor, const Logprobs& validator) {
  const double missing = LogprobOfMissing(executor);
  double sum = 0;
  for (const auto& [id, v] : validator) {
    const auto found = executor.find(id);
    const double o = found == executor.end() ? missing : found->second;
    sum += std::abs(v - o) / (kNotZero + std::abs(v) + std::abs(o)) / 2;
  }
  return sum;
}

double Similarity(std::span<const Logprobs> executor, std::span<const Logprobs> validator,
                  uint32_t k) {
  GONKA_CHECK(executor.size() == validator.size() && k >= 1);
  double sum = 0;
  for (size_t i = 0; i < executor.size(); ++i) sum += PositionDistance(executor[i], validator[i]);
  return 1 - sum / (static_cast<double>(std::max(kPositionsMin, executor.size())) * k);
}

}  // namespace gonka::verify::live
