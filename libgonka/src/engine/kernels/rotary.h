#pragma once

// Rotary positions, without libm (doc/kernels.md).

#include <cstddef>
#include <cstdint>
#include <vector>

namespace gonka::engine::kernels {

// cos and sin of position * theta^(-2 i / D), for i < D / 2.
struct RotaryTable {
  size_t half = 0;         // D / 2.
  std::vector<float> cos;  // [positions][half]
  std::vector<float> sin;
};
RotaryTable MakeRotaryTable(double theta, size_t head_dim, size_t positions);

// Turns one head in place. interleaved: the pairs are (0, 1), (2, 3), ...; otherwise (i, i + D /
// 2).
void RotateHead(const RotaryTable& table, size_t position, bool interleaved, float* head);

}  // namespace gonka::engine::kernels
