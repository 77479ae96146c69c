#include "gonka/engine/facts.h"

#include <algorithm>
#include <array>
#include <limits>

#include "engine/clones.h"
#include "engine/exact_math.h"
#include "gonka/base/check.h"

namespace gonka::engine {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();
constexpr float kNothing = -std::numeric_limits<float>::infinity();
// e^-700 vanishes beside the 1 that the likeliest token adds.
constexpr double kLogFloor = -700.0;
constexpr size_t kLanes = 16;

using Lanes = std::array<double, kLanes>;

inline float Finite(float logit) {
  const float bounded = logit > kLargest ? kLargest : logit;
  return bounded >= -kLargest ? bounded : kNothing;
}

GONKA_CLONES
float LargestOf(const float* logits, size_t count) {
  std::array<float, kLanes> lanes;
  lanes.fill(kNothing);
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (size_t l = 0; l < kLanes; ++l) {
      const float x = Finite(logits[i + l]);
      lanes[l] = x > lanes[l] ? x : lanes[l];
    }
  }
  for (; i < count; ++i) lanes[0] = std::max(lanes[0], Finite(logits[i]));
  return *std::max_element(lanes.begin(), lanes.end());
}

GONKA_CLONES
bool AllFinite(const float* logits, size_t count) {
  uint32_t bad = 0;
  for (size_t i = 0; i < count; ++i) bad |= !(logits[i] >= -kLargest && logits[i] <= kLargest);
  return bad == 0;
}

// Lane l sums the elements l, l + 16, l + 32, ... in that order: of e^d, and of d e^d.
struct Sums {
  Lanes sums{};
  Lanes moments{};
};

GONKA_CLONES
void AddBlocks(const float* logits, size_t blocks, double largest, Sums& out) {
  Sums local = out;
  for (size_t b = 0; b < blocks; ++b) {
    for (size_t l = 0; l < kLanes; ++l) {
      const double below = static_cast<double>(Finite(logits[b * kLanes + l])) - largest;
      const double d = below > kLogFloor ? below : kLogFloor;
      const double e = internal::Exp(d);
      local.sums[l] = local.sums[l] + e;
      local.moments[l] = local.moments[l] + e * d;
    }
  }
  out = local;
}

double Folded(Lanes lanes) {
  for (size_t width = kLanes / 2; width > 0; width /= 2) {
    for (size_t l = 0; l < width; ++l) lanes[l] = lanes[l] + lanes[l + width];
  }
  return lanes[0];
}

bool RanksBefore(const TopEntry& a, const TopEntry& b) {
  return a.logprob > b.logprob || (a.logprob == b.logprob && a.id < b.id);
}

constexpr size_t kScan = 256;

// Inserts where it belongs and drops the last if there are too many. `logprob` holds raw logits
// here.
void Insert(std::vector<TopEntry>& top, uint32_t count, TopEntry entry) {
  top.insert(std::upper_bound(top.begin(), top.end(), entry, RanksBefore), entry);
  if (top.size() > count) top.pop_back();
}

std::vector<TopEntry> TopLogits(std::span<const float> logits, uint32_t count) {
  std::vector<TopEntry> top;
  top.reserve(count + 1);
  for (size_t begin = 0; begin < logits.size(); begin += kScan) {
    const size_t end = std::min(logits.size(), begin + kScan);
    const bool full = top.size() == count;
    if (full && LargestOf(logits.data() + begin, end - begin) <= top.back().logprob) continue;
    for (size_t i = begin; i < end; ++i) {
      const float x = Finite(logits[i]);
      if (top.size() < count || x > top.back().logprob) {
        Insert(top, count, {static_cast<uint32_t>(i), x});
      }
    }
  }
  return top;
}

}  // namespace

LogitSummary Summarise(std::span<const float> logits) {
  GONKA_CHECK(!logits.empty());
  LogitSummary summary;
  summary.finite = AllFinite(logits.data(), logits.size());
  const float largest = LargestOf(logits.data(), logits.size());
  // Where every id is excluded nothing has a probability; 0 keeps the sums free of NaN.
  summary.largest = largest == kNothing ? 0.0 : static_cast<double>(largest);
  Sums sums;
  const size_t blocks = logits.size() / kLanes;
  AddBlocks(logits.data(), blocks, summary.largest, sums);
  if (const size_t rest = logits.size() % kLanes; rest != 0) {
    std::array<float, kLanes> padded;
    padded.fill(kNothing);
    std::copy_n(logits.data() + blocks * kLanes, rest, padded.begin());
    AddBlocks(padded.data(), 1, summary.largest, sums);
  }
  const double sum = Folded(sums.sums);
  summary.log_sum = internal::Log(sum);
  summary.entropy = std::max(0.0, summary.log_sum - Folded(sums.moments) / sum);
  return summary;
}

float Logprob(const LogitSummary& summary, float logit) {
  const float x = Finite(logit);
  if (x == kNothing) return kNothing;
  return static_cast<float>((static_cast<double>(x) - summary.largest) - summary.log_sum);
}

std::vector<TopEntry> TopLogprobs(std::span<const float> logits, const LogitSummary& summary,
                                  uint32_t count) {
  if (count == 0) return {};
  std::vector<TopEntry> top = TopLogits(logits, count);
  for (TopEntry& entry : top) entry.logprob = Logprob(summary, entry.logprob);
  return top;
}

TokenFacts FactsOf(std::span<const float> logits, const LogitSummary& summary, uint32_t id,
                   uint32_t top_count) {
  GONKA_CHECK(id < logits.size());
  return {.id = id,
          .logprob = Logprob(summary, logits[id]),
          .top = TopLogprobs(logits, summary, top_count)};
}

}  // namespace gonka::engine
