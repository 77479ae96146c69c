#pragma once

// Rotary positions, without libm (doc/kernels.md).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gonka/model/config.h"

namespace gonka::engine::kernels {

// Radians by which each pair of a head turns from one position to the next: D / 2 numbers. divisors
// are the elements of "rope_freqs.weight" where the scaling is kTensor, otherwise empty.
std::vector<double> RopeFrequencies(const model::ModelConfig& config,
                                    std::span<const float> divisors);

// factor times the cos and sin of position * frequencies[i]; an angle must stay below kAngleMax.
inline constexpr double kAngleMax = 1 << 20;
struct RotaryTable {
  size_t half = 0;         // D / 2.
  std::vector<float> cos;  // [positions][half]
  std::vector<float> sin;
};
RotaryTable MakeRotaryTable(std::span<const double> frequencies, float factor, size_t positions);

// Turns one head in place. interleaved: the pairs are (0, 1), (2, 3), ...; otherwise (i, i + D /
// 2).
void RotateHead(const RotaryTable& table, size_t position, bool interleaved, float* head);

}  // namespace gonka::engine::kernels
