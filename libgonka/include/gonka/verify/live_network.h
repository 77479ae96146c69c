#pragma once

// The live network's comparison of log-probabilities, for comparison with its published numbers and
// for benchmarks side by side. Our verdicts do not use it: it asks only whether the right model was
// run, not who wrote the tokens (doc/verification.md).

#include <cstdint>
#include <map>
#include <span>

namespace gonka::verify::live {

using Logprobs = std::map<uint32_t, double>;  // By token id, of one position.

// Sum over the validator's tokens of |v - o| / (1e-6 + |v| + |o|) / 2. A token that the executor
// does not have counts there as 2 * (its smallest) - (its second smallest). The executor has two or
// more.
double PositionDistance(const Logprobs& executor, const Logprobs& validator);

// 1 - the sum of the distances / (max(100, positions) * k), k tokens a position. One pair of lists
// a position, both of the same length; k at least 1.
double Similarity(std::span<const Logprobs> executor, std::span<const Logprobs> validator,
                  uint32_t k);

}  // namespace gonka::verify::live
