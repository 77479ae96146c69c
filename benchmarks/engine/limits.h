#pragma once

// What this machine can do, to measure engines against: how fast it reads memory that no cache
// holds, and how many multiplications and additions it does on registers.

#include <cstdint>
#include <string>

namespace gonka::engine_speed {

struct Limits {
  std::string instruction_set;  // The best that Highway finds.
  double read_gb_per_s = 0;     // 10^9 bytes, in four streams a thread.
  double fma_gflop_per_s = 0;   // A fused multiply-add counts as two.
};

// All threads at once; the best of some tries.
Limits MeasureLimits(uint32_t threads);

}  // namespace gonka::engine_speed
