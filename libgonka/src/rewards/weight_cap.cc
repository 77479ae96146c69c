#include "gonka/rewards/weight_cap.h"

#include <algorithm>

namespace gonka::rewards {
namespace {

using Wide = unsigned __int128;

// The cap that so many participants can hold.
uint64_t CapFor(size_t participants, Ppm cap) {
  if (participants == 2) return std::max<uint64_t>(cap.value, 500'000);
  if (participants == 3) return std::max<uint64_t>(cap.value, 400'000);
  const uint64_t equal = (Ppm::kOne + participants - 1) / participants;  // Rounded up.
  return std::max<uint64_t>(cap.value, equal);
}

// The most that one participant may weigh. With the k largest cut to c and the others summing to s,
// c = cap * (s + k c), so c = cap * s / (1 - cap * k): the smallest k that leaves nobody above c.
uint64_t HighestWeight(std::span<const uint64_t> ascending, uint64_t cap) {
  uint64_t rest = 0;
  for (const uint64_t weight : ascending) {
    GONKA_CHECK(weight < (uint64_t{1} << 63) - rest);
    rest += weight;
  }
  for (size_t largest = ascending.size(); largest > 0; --largest) {
    const uint64_t cut = cap * (ascending.size() - largest);
    if (cut >= Ppm::kOne) break;
    const Wide highest = Wide{cap} * rest / (Ppm::kOne - cut);
    if (ascending[largest - 1] <= highest)
      return static_cast<uint64_t>(std::min<Wide>(highest, UINT64_MAX));
    rest -= ascending[largest - 1];
  }
  return ascending.front();  // All weigh the same.
}

}  // namespace

std::vector<uint64_t> CapWeights(std::span<const uint64_t> weights, Ppm cap) {
  std::vector<uint64_t> ascending;
  std::copy_if(weights.begin(), weights.end(), std::back_inserter(ascending),
               [](uint64_t weight) { return weight > 0; });
  std::vector<uint64_t> effective(weights.begin(), weights.end());
  if (ascending.empty()) return effective;
  std::sort(ascending.begin(), ascending.end());
  const uint64_t highest = HighestWeight(ascending, CapFor(ascending.size(), cap));
  for (uint64_t& weight : effective) weight = std::min(weight, highest);
  return effective;
}

}  // namespace gonka::rewards
