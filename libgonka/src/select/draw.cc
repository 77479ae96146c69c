#include "gonka/select/draw.h"

#include <map>

#include "gonka/crypto/hash.h"

namespace gonka::select {
namespace {

uint64_t FirstWord(const Hash& hash) {
  uint64_t word = 0;
  for (size_t i = 8; i > 0; --i) word = word << 8 | hash.bytes[i - 1];
  return word;
}

uint64_t Total(std::span<const uint64_t> weights) {
  uint64_t total = 0;
  for (const uint64_t weight : weights) {
    GONKA_CHECK(weight <= UINT64_MAX - total);
    total += weight;
  }
  return total;
}

}  // namespace

uint64_t UniformBelow(const Hash& seed, uint64_t n) {
  GONKA_CHECK(n > 0);
  uint64_t word = FirstWord(seed);
  // Rejected where [word - word mod n, ... + n) does not end by 2^64.
  for (uint32_t k = 1; word - word % n > UINT64_MAX - n + 1; ++k) {
    word = FirstWord(TaggedHash("gonka/uniform/1", seed, k));
  }
  return word % n;
}

bool IsSelected(const Hash& seed, Ppm rate) {
  return UniformBelow(seed, Ppm::kOne) < rate.value;
}

size_t DrawWeighted(const Hash& seed, std::span<const uint64_t> weights) {
  uint64_t point = UniformBelow(seed, Total(weights));
  size_t index = 0;
  while (point >= weights[index]) point -= weights[index++];
  return index;
}

std::vector<size_t> DrawSeats(const Hash& seed, std::span<const uint64_t> weights, size_t seats) {
  std::vector<size_t> drawn;
  if (Total(weights) == 0) return drawn;
  for (uint64_t i = 0; i < seats; ++i) {
    drawn.push_back(DrawWeighted(TaggedHash("gonka/seat/1", seed, i), weights));
  }
  return drawn;
}

std::vector<size_t> DrawSample(const Hash& seed, size_t population, size_t count) {
  std::map<size_t, size_t> moved;  // Places that no longer hold their own number.
  const auto at = [&](size_t place) {
    const auto found = moved.find(place);
    return found == moved.end() ? place : found->second;
  };
  std::vector<size_t> drawn;
  for (uint64_t i = 0; i < count && i < population; ++i) {
    const size_t other =
        i + UniformBelow(TaggedHash("gonka/sample/1", seed, i), uint64_t{population} - i);
    drawn.push_back(at(other));
    moved[other] = at(i);
  }
  return drawn;
}

}  // namespace gonka::select
