#include "gonka/verify/evidence.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace gonka::verify {
namespace {

constexpr double kNothing = -std::numeric_limits<double>::infinity();

// Large ones grow fast against a gross cheat, small ones keep their stake over long honest
// stretches and win against rare but large scores.
constexpr std::array<double, 6> kFractions{0.001, 0.01, 0.03, 0.1, 0.3, 0.9};

double LogSum(double a, double b) {
  if (a < b) std::swap(a, b);
  return b == kNothing ? a : a + std::log1p(std::exp(b - a));
}

// gains[l]: log of what betting one fraction gains over leaf l.
std::vector<double> LeafGains(std::span<const double> scores, uint32_t leaf_tokens,
                              double fraction) {
  std::vector<double> gains((scores.size() + leaf_tokens - 1) / leaf_tokens);
  for (size_t i = 0; i < scores.size(); ++i) {
    gains[i / leaf_tokens] += std::log1p(fraction * (scores[i] - 1));
  }
  return gains;
}

// The aligned runs of 1, 2, 4, ... leaves that are not the whole answer; the last of each length
// may be shorter.
struct Runs {
  size_t count = 0;
  double log_sum = kNothing;  // Of their gains.
};

Runs RunsOf(std::vector<double> gains) {
  Runs runs;
  while (gains.size() > 1) {
    for (const double gain : gains) runs.log_sum = LogSum(runs.log_sum, gain);
    runs.count += gains.size();
    for (size_t i = 0; 2 * i < gains.size(); ++i) {
      gains[i] = gains[2 * i] + (2 * i + 1 < gains.size() ? gains[2 * i + 1] : 0);
    }
    gains.resize((gains.size() + 1) / 2);
  }
  return runs;
}

double LogGain(std::span<const double> scores, uint32_t leaf_tokens, double fraction) {
  const std::vector<double> gains = LeafGains(scores, leaf_tokens, fraction);
  double whole = 0;
  for (const double gain : gains) whole += gain;
  const Runs runs = RunsOf(gains);
  if (runs.count == 0) return whole;
  const double part = runs.log_sum - std::log(static_cast<double>(runs.count));
  return LogSum(whole, part) - std::log(2.0);
}

}  // namespace

double LogEvidence(std::span<const double> scores, uint32_t leaf_tokens) {
  if (scores.empty()) return 0;
  double sum = kNothing;
  for (const double fraction : kFractions) {
    sum = LogSum(sum, LogGain(scores, leaf_tokens, fraction));
  }
  return sum - std::log(static_cast<double>(kFractions.size()));
}

double LogMean(std::span<const double> log_evidence) {
  if (log_evidence.empty()) return 0;
  double sum = kNothing;
  for (const double e : log_evidence) sum = LogSum(sum, e);
  return sum - std::log(static_cast<double>(log_evidence.size()));
}

int32_t BoundedMillinats(double log_evidence) {
  const double least = std::exp(kEvidenceMinMillinats / 1000.0);
  const double most = std::exp(kEvidenceMaxMillinats / 1000.0);
  const double cap = (most - least) / (1 - least);
  const double stake = std::min(std::exp(std::min(log_evidence, 100.0)), cap);
  const double bounded = std::log(least + (1 - least) * stake);
  const auto millinats = static_cast<int32_t>(std::floor(bounded * 1000 + 1e-6));
  return std::clamp(millinats, kEvidenceMinMillinats, kEvidenceMaxMillinats);
}

int32_t SumMillinats(std::span<const int32_t> answers) {
  int64_t sum = 0;
  for (const int32_t answer : answers) {
    sum += std::clamp(answer, kEvidenceMinMillinats, kEvidenceMaxMillinats);
  }
  return static_cast<int32_t>(std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX));
}

}  // namespace gonka::verify
