#pragma once

// y = x W^T for few rows of x: decoding, where the way of the weights through memory is all that
// counts. libtorch goes it at half speed on some machines, and in bf16 rounds activations, too.
// Here weights are widened in registers and everything is summed in fp32.

#include <cstdint>

namespace gonka::engine::torch_internal {

// From here on libtorch's matrix product is the faster one.
inline constexpr int64_t kThinRowsMax = 16;

// x is [rows, in], y [rows, out_stride]; writes the columns out_begin .. out_end of y. w points at
// the start of W, [.., in]; bf16 is given as its 16 bits. All rows are contiguous.
struct ThinMatmul {
  const float* x;
  int64_t rows;
  int64_t in;
  float* y;
  int64_t out_stride;
};
void Multiply(const ThinMatmul& m, const float* w, int64_t out_begin, int64_t out_end);
void Multiply(const ThinMatmul& m, const uint16_t* w, int64_t out_begin, int64_t out_end);

}  // namespace gonka::engine::torch_internal
