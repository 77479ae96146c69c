#include "engine/filters.h"

#include <algorithm>
#include <array>
#include <bit>
#include <functional>
#include <numeric>

#include "engine/clones.h"
#include "engine/exact_math.h"

namespace gonka::engine::internal {
namespace {

constexpr uint64_t kMillion = 1'000'000;
constexpr double kWeightOne = 0x1p40;
// Anything below ln 2^-40 rounds down to weight 0; the floor keeps Exp in its domain.
constexpr double kWeightFloor = -600.0;

// A stretch of ids with their scores.
struct Chunk {
  std::array<double, Adjusted::kChunk> scores;
  std::array<uint32_t, Adjusted::kChunk> ids;
  size_t count = 0;
};
using VisitChunk = std::function<void(const Chunk&)>;
// Calls back with everything that earlier filters left over; the same each time.
using Source = std::function<void(const VisitChunk&)>;

// Probabilities relative to the best one, in units of 2^-40 and rounded down: integers, so that
// sums of weights do not depend on their order.
using Weights = std::array<uint64_t, Adjusted::kChunk>;

GONKA_CLONES
void FillWeights(const double* __restrict scores, double best, double* __restrict weights) {
  for (size_t i = 0; i < Adjusted::kChunk; ++i) {
    const double below = scores[i] - best;
    weights[i] = Exp(below > kWeightFloor ? below : kWeightFloor) * kWeightOne;
  }
}

Weights WeightsOf(const Chunk& chunk, double best) {
  std::array<double, Adjusted::kChunk> real;
  FillWeights(chunk.scores.data(), best, real.data());
  Weights weights;
  for (size_t i = 0; i < weights.size(); ++i) {
    weights[i] = static_cast<uint64_t>(static_cast<int64_t>(real[i]));
  }
  return weights;
}

GONKA_CLONES
double LargestOf(const double* scores) {
  std::array<double, 16> lanes;
  for (size_t l = 0; l < lanes.size(); ++l) lanes[l] = scores[l];
  for (size_t j = lanes.size(); j < Adjusted::kChunk; j += lanes.size()) {
    for (size_t l = 0; l < lanes.size(); ++l) {
      lanes[l] = scores[j + l] > lanes[l] ? scores[j + l] : lanes[l];
    }
  }
  return *std::max_element(lanes.begin(), lanes.end());
}

double Largest(const Adjusted& scores) {
  double largest = kExcluded;
  std::array<double, Adjusted::kChunk> chunk;
  for (size_t begin = 0; begin < scores.size(); begin += chunk.size()) {
    scores.Fill(begin, chunk);
    largest = std::max(largest, LargestOf(chunk.data()));
  }
  return largest;
}

// The k that rank first. Collects up to 2 k + a chunk, then drops all but k and raises the bar.
std::vector<Candidate> RankedFirst(const Adjusted& scores, size_t k) {
  std::vector<Candidate> found;
  double bar = kExcluded;
  const auto shrink = [&] {
    std::nth_element(found.begin(), found.begin() + static_cast<ptrdiff_t>(k) - 1, found.end(),
                     RanksBefore);
    found.resize(k);
    bar = found.back().score;  // nth_element left the k-th there.
  };
  std::array<double, Adjusted::kChunk> chunk;
  for (size_t begin = 0; begin < scores.size(); begin += chunk.size()) {
    scores.Fill(begin, chunk);
    // Ids ascend, so one that only equals the bar ranks behind the k already found.
    if (!(LargestOf(chunk.data()) > bar)) continue;
    for (size_t j = 0; j < chunk.size(); ++j) {
      if (chunk[j] > bar) found.push_back({chunk[j], static_cast<uint32_t>(begin + j)});
    }
    if (found.size() >= 2 * k) shrink();
  }
  if (found.size() > k) shrink();
  return found;
}

// Weights in groups of equal leading bits, ascending: a group is wholly ahead of all lower ones, so
// only the one in which the mass is reached needs sorting.
constexpr int kGroupBits = 5;
size_t GroupOf(uint64_t weight) {
  if (weight < (1U << kGroupBits)) return weight;
  const int shift = std::bit_width(weight) - kGroupBits;
  return (static_cast<size_t>(shift) << (kGroupBits - 1)) + (weight >> shift);
}
constexpr size_t kGroups = (41 - kGroupBits + 2) << (kGroupBits - 1);

struct Masses {
  std::array<uint64_t, kGroups> of_group{};
  uint64_t total = 0;
};

Masses MassesOf(const Source& source, double best) {
  Masses masses;
  source([&](const Chunk& chunk) {
    const Weights weights = WeightsOf(chunk, best);
    for (size_t i = 0; i < chunk.count; ++i) {
      masses.of_group[GroupOf(weights[i])] += weights[i];
      masses.total += weights[i];
    }
  });
  return masses;
}

// The shortest run of first ranks whose weight is at least top_p of all the weight.
std::vector<Candidate> TopP(const Source& source, double best, uint64_t top_p_ppm) {
  using Wide = unsigned __int128;
  const Masses masses = MassesOf(source, best);
  const Wide wanted = static_cast<Wide>(masses.total) * top_p_ppm;
  const auto enough = [&](uint64_t mass) { return static_cast<Wide>(mass) * kMillion >= wanted; };
  uint64_t ahead = 0;
  size_t group = GroupOf(uint64_t{1} << 40);  // The best one's, so never empty.
  while (group > 0 && !enough(ahead + masses.of_group[group])) ahead += masses.of_group[group--];

  struct Weighed {
    Candidate candidate;
    uint64_t weight;
  };
  std::vector<Candidate> kept;
  std::vector<Weighed> border;
  source([&](const Chunk& chunk) {
    const Weights weights = WeightsOf(chunk, best);
    for (size_t i = 0; i < chunk.count; ++i) {
      const size_t own = GroupOf(weights[i]);
      if (own > group) kept.push_back({chunk.scores[i], chunk.ids[i]});
      if (own == group) border.push_back({{chunk.scores[i], chunk.ids[i]}, weights[i]});
    }
  });
  std::sort(border.begin(), border.end(), [](const Weighed& a, const Weighed& b) {
    return RanksBefore(a.candidate, b.candidate);
  });
  for (const Weighed& next : border) {
    // The best token stays even where top_p is 0.
    if (!kept.empty() && enough(ahead)) break;
    ahead += next.weight;
    kept.push_back(next.candidate);
  }
  return kept;
}

// Whatever is at least min_p times as likely as the best.
std::vector<Candidate> MinP(const Source& source, double best, uint64_t min_p_ppm) {
  using Wide = unsigned __int128;
  const Wide least = static_cast<Wide>(min_p_ppm) << 40;
  std::vector<Candidate> kept;
  source([&](const Chunk& chunk) {
    const Weights weights = WeightsOf(chunk, best);
    for (size_t i = 0; i < chunk.count; ++i) {
      if (static_cast<Wide>(weights[i]) * kMillion < least) continue;
      kept.push_back({chunk.scores[i], chunk.ids[i]});
    }
  });
  return kept;
}

// Excluded ids have no weight, so neither filter lets one through.
Source AllOf(const Adjusted& scores) {
  return [&scores](const VisitChunk& visit) {
    Chunk chunk;
    for (uint32_t begin = 0; begin < scores.size(); begin += Adjusted::kChunk) {
      scores.Fill(begin, chunk.scores);
      chunk.count = std::min<size_t>(Adjusted::kChunk, scores.size() - begin);
      std::iota(chunk.ids.begin(), chunk.ids.end(), begin);
      visit(chunk);
    }
  };
}

Source AllOf(std::vector<Candidate> candidates) {
  return [candidates = std::move(candidates)](const VisitChunk& visit) {
    Chunk chunk;
    for (size_t begin = 0; begin < candidates.size(); begin += Adjusted::kChunk) {
      chunk.count = std::min(Adjusted::kChunk, candidates.size() - begin);
      chunk.scores.fill(kExcluded);
      for (size_t i = 0; i < chunk.count; ++i) {
        chunk.scores[i] = candidates[begin + i].score;
        chunk.ids[i] = candidates[begin + i].id;
      }
      visit(chunk);
    }
  };
}

}  // namespace

bool HasFilters(const SamplerOptions& options) {
  return options.top_k != 0 || options.top_p_ppm < kMillion || options.min_p_ppm != 0;
}

std::vector<Candidate> Kept(const Adjusted& scores, const SamplerOptions& options) {
  const double best = Largest(scores);
  if (best == kExcluded) return {};
  const bool top_k = options.top_k != 0 && options.top_k < scores.size();
  const bool top_p = options.top_p_ppm < kMillion;
  std::vector<Candidate> kept;
  if (top_k || !(top_p || options.min_p_ppm != 0)) {
    kept = RankedFirst(scores, top_k ? options.top_k : scores.size());
  }
  if (top_p) kept = TopP(top_k ? AllOf(std::move(kept)) : AllOf(scores), best, options.top_p_ppm);
  if (options.min_p_ppm != 0) {
    kept = MinP(top_k || top_p ? AllOf(std::move(kept)) : AllOf(scores), best, options.min_p_ppm);
  }
  return kept;
}

}  // namespace gonka::engine::internal
