#pragma once

// The kernels of cpu-exact/1, compiled for several instruction sets and chosen at run time. What
// they compute is specified to the bit in doc/kernels.md, so all sets give the same; they differ in
// speed alone. Torch-free, no thread of its own: callers share out ranges.
//
// The caller's thread rounds to nearest and keeps denormals (SoundArithmetic says whether it does).

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/kernels/matrix.h"

namespace gonka::engine::kernels {

// y = x W^T. Rows of x have W.inputs() numbers, x_stride apart; rows of y have W.stride() places,
// y_stride apart, of which those behind W.outputs() are left with anything.
struct LinearTask {
  const Matrix* weight = nullptr;
  const float* x = nullptr;
  size_t x_stride = 0;
  size_t rows = 0;
  // Of every row the sums of its groups, inputs / 32 each: what group_sums gives. Only read where
  // HasMinimum(weight->format()).
  const float* group_sums = nullptr;
  float* y = nullptr;
  size_t y_stride = 0;
};

// Some rows of queries that share one head of keys and values.
struct AttentionTask {
  size_t head_dim = 0;                   // D
  const float* const* key_pages = {};    // [page][kPageTokens / 16][D][16]
  const float* const* value_pages = {};  // [page][ceil(D / 16)][kPageTokens][16]
  size_t rows = 0;                       // At most kAttentionRows.
  const float* queries = nullptr;        // [rows][D], side by side.
  // Row r attends to tokens [begins[r], ends[r]), at least one. Null begins are all 0.
  const size_t* begins = nullptr;
  const size_t* ends = nullptr;
  float scale = 0;
  float* out = nullptr;      // [rows][ceil(D / 16) * 16]
  float* scratch = nullptr;  // AttentionScratch(...) floats at 64 bytes.
};
inline constexpr size_t kPageTokens = 64;  // Divides kBlock.
inline constexpr size_t kAttentionRows = 6;
size_t AttentionScratch(size_t head_dim, size_t tokens);  // For at most that many tokens.

struct Kernels {
  const char* name;  // "avx512", "avx2", "neon", "scalar".
  // Pairs of panels, [begin, end) of weight->panels() / 2. Any split over threads will do.
  void (*linear)(const LinearTask& task, size_t begin, size_t end);
  void (*group_sums)(const float* x, size_t count, float* out);  // count is a multiple of 32.
  void (*rms_norm)(const float* x, const float* weight, size_t count, float eps, float* out);
  void (*swiglu)(const float* gate, const float* up, size_t count, float* out);
  void (*softmax)(float* scores, size_t count, float* sum);  // Not divided by the sum.
  void (*attend)(const AttentionTask& task);
};

// Those that this machine can run, fastest first; the last one is the plain one, which needs
// nothing.
std::span<const Kernels* const> AvailableKernels();
inline const Kernels& BestKernels() {
  return *AvailableKernels().front();
}

// False where the calling thread flushes denormals or rounds otherwise than to the nearest.
bool SoundArithmetic();

}  // namespace gonka::engine::kernels
