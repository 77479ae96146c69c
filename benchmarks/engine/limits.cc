#include "engine/limits.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/limits.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace gonka::engine_speed {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;

// count is a multiple of 4 * 64 floats: four streams side by side.
float Read(const float* data, size_t count) {
  const D d;
  const size_t stream = count / 4;
  auto a = hn::Zero(d), b = a, c = a, e = a;
  for (size_t i = 0; i < stream; i += hn::Lanes(d)) {
    a = hn::Add(a, hn::LoadU(d, data + i));
    b = hn::Add(b, hn::LoadU(d, data + stream + i));
    c = hn::Add(c, hn::LoadU(d, data + 2 * stream + i));
    e = hn::Add(e, hn::LoadU(d, data + 3 * stream + i));
  }
  return hn::GetLane(hn::Add(hn::Add(a, b), hn::Add(c, e)));
}

// Returns the operations done: twelve chains that do not wait for one another.
double Multiply(size_t rounds, float seed, float* sink) {
  const D d;
  const auto x = hn::Set(d, seed);
  const auto y = hn::Set(d, 1e-6f);
  // Different beginnings: equal chains would be computed once.
  const auto begin = [&](float more) HWY_ATTR { return hn::Set(d, seed + more); };
  auto a0 = begin(0), a1 = begin(1), a2 = begin(2), a3 = begin(3), a4 = begin(4), a5 = begin(5);
  auto a6 = begin(6), a7 = begin(7), a8 = begin(8), a9 = begin(9), a10 = begin(10);
  auto a11 = begin(11);
  for (size_t i = 0; i < rounds; ++i) {
    a0 = hn::MulAdd(a0, x, y), a1 = hn::MulAdd(a1, x, y), a2 = hn::MulAdd(a2, x, y);
    a3 = hn::MulAdd(a3, x, y), a4 = hn::MulAdd(a4, x, y), a5 = hn::MulAdd(a5, x, y);
    a6 = hn::MulAdd(a6, x, y), a7 = hn::MulAdd(a7, x, y), a8 = hn::MulAdd(a8, x, y);
    a9 = hn::MulAdd(a9, x, y), a10 = hn::MulAdd(a10, x, y), a11 = hn::MulAdd(a11, x, y);
  }
  const auto left = hn::Add(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), hn::Add(a4, a5));
  const auto right = hn::Add(hn::Add(hn::Add(a6, a7), hn::Add(a8, a9)), hn::Add(a10, a11));
  *sink += hn::GetLane(hn::Add(left, right));
  return 24.0 * static_cast<double>(rounds) * static_cast<double>(hn::Lanes(d));
}

}  // namespace HWY_NAMESPACE
}  // namespace gonka::engine_speed
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace gonka::engine_speed {
namespace {

HWY_EXPORT(Read);
HWY_EXPORT(Multiply);

constexpr size_t kFloatsPerThread = 48 << 20;  // 192 MB: beyond every cache.
constexpr size_t kRounds = 4'000'000;
constexpr int kTries = 5;

double Seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// The shortest of some tries, of work(thread) on all threads at once.
double BestSeconds(uint32_t threads, const std::function<void(uint32_t)>& work) {
  double best = 1e9;
  for (int i = 0; i < kTries; ++i) {
    best = std::min(best, Seconds([&] {
                      std::vector<std::thread> running;
                      for (uint32_t t = 1; t < threads; ++t) running.emplace_back(work, t);
                      work(0);
                      for (std::thread& one : running) one.join();
                    }));
  }
  return best;
}

}  // namespace

Limits MeasureLimits(uint32_t threads) {
  std::vector<std::vector<float>> memory(threads, std::vector<float>(kFloatsPerThread, 1.0f));
  std::atomic<double> sink = 0;  // So that nothing is left out.
  const double read = BestSeconds(threads, [&](uint32_t t) {
    sink = sink + double{HWY_DYNAMIC_DISPATCH(Read)(memory[t].data(), kFloatsPerThread)};
  });
  std::atomic<double> operations = 0;
  const double fma = BestSeconds(threads, [&](uint32_t) {
    float value = 0;
    operations = HWY_DYNAMIC_DISPATCH(Multiply)(kRounds, 0.999f, &value);
    sink = sink + double{value};
  });
  const double bytes = double{kFloatsPerThread} * sizeof(float) * threads;
  const int64_t targets = hwy::SupportedTargets();
  return {.instruction_set = hwy::TargetName(targets & -targets),
          .read_gb_per_s = bytes / read * 1e-9,
          .fma_gflop_per_s = operations * threads / fma * 1e-9};
}

}  // namespace gonka::engine_speed
#endif  // HWY_ONCE
