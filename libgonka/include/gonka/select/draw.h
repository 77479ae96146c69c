#pragma once

// Draws by weight. Everybody recomputes them and must agree, so all is integers, candidates are
// numbered by their place in the caller's list (sorted by id), and doc/protocol.md gives every step
// for an independent implementation.
//
// A seed is a hash made for this one draw: TaggedHash over the beacon and what the draw is about.
// Two draws from one seed would be related.
//
// Weights of one call must sum to less than 2^64; that is the caller's to guarantee.

#include <cstdint>
#include <span>
#include <vector>

#include "gonka/base/amount.h"
#include "gonka/base/bytes.h"

namespace gonka::select {

// Uniform in [0, n), without bias; n > 0. The word w_0 is the seed's first eight bytes, w_k for
// k = 1, 2, ... those of TaggedHash("gonka/uniform/1", seed, u32 k), all little-endian. The first
// w_k below the largest multiple of n that is at most 2^64 counts: the answer is w_k mod n.
uint64_t UniformBelow(const Hash& seed, uint64_t n);

// True with probability rate / 1,000,000, exactly: UniformBelow(seed, 1,000,000) < rate.
bool IsSelected(const Hash& seed, Ppm rate);

// An index with probability weight / total; the total must be positive. The point
// UniformBelow(seed, total) falls into the first index whose running sum is above it.
size_t DrawWeighted(const Hash& seed, std::span<const uint64_t> weights);

// The first limit of a whole order without replacement: step i = 0, 1, ... is DrawWeighted with
// TaggedHash("gonka/draw/1", seed, u64 i) among those not drawn yet. Weights of zero are left out.
// O(n + limit log n).
std::vector<size_t> DrawOrder(const Hash& seed, std::span<const uint64_t> weights,
                              size_t limit = SIZE_MAX);

// One draw a seat, with replacement: seat i is DrawWeighted with
// TaggedHash("gonka/seat/1", seed, u64 i). Empty where the total is zero.
std::vector<size_t> DrawSeats(const Hash& seed, std::span<const uint64_t> weights, size_t seats);

// min(count, population) different numbers below population, each subset alike, in the order drawn:
// step i swaps place i of 0, 1, ..., population - 1 with place
// i + UniformBelow(TaggedHash("gonka/sample/1", seed, u64 i), population - i).
std::vector<size_t> DrawSample(const Hash& seed, size_t population, size_t count);

}  // namespace gonka::select
