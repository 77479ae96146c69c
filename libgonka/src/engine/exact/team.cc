#include "engine/exact/team.h"

#include <algorithm>

namespace gonka::engine::exact {
namespace {

constexpr uint64_t kParts = 0xFFFFFFFF;
// Some 50 microseconds: longer than the gaps inside a forward pass, shorter than anybody notices.
constexpr int kLooksBeforeSleep = 2'000;
// A thread that has a part may have lost its core: then the core is what it needs.
constexpr int kLooksBeforeYield = 2'000;

void Pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

Team::Team(uint32_t threads) {
  for (size_t t = 1; t < threads; ++t) workers_.emplace_back([this, t] { Serve(t); });
}

Team::~Team() {
  stop_.store(true);
  bell_.fetch_add(1);
  bell_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Team::Share(const Loop& loop) {
  loop_ = loop;
  const size_t parts = (loop.count + loop.grain - 1) / loop.grain;
  unfinished_.store(static_cast<uint32_t>(parts), std::memory_order_relaxed);
  const uint64_t number = (untaken_.load(std::memory_order_relaxed) >> 32) + 1;
  untaken_.store(number << 32 | parts, std::memory_order_release);
  bell_.fetch_add(1);
  bell_.notify_all();
  while (TakePart(0)) {
  }
  for (int looks = 0; unfinished_.load(std::memory_order_acquire) != 0; ++looks) {
    looks < kLooksBeforeYield ? Pause() : std::this_thread::yield();
  }
}

bool Team::TakePart(size_t thread) {
  uint64_t untaken = untaken_.load(std::memory_order_acquire);
  do {
    if ((untaken & kParts) == 0) return false;
  } while (!untaken_.compare_exchange_weak(untaken, untaken - 1, std::memory_order_acq_rel));
  // From here to the end of the part loop_ cannot change. Parts go from the last to the first.
  const size_t begin = ((untaken & kParts) - 1) * loop_.grain;
  loop_.call(loop_.work, thread, begin, std::min(begin + loop_.grain, loop_.count));
  unfinished_.fetch_sub(1, std::memory_order_release);
  return true;
}

void Team::Serve(size_t thread) {
  for (;;) {
    const uint32_t rung = bell_.load();
    if (stop_.load()) return;
    while (TakePart(thread)) {
    }
    for (int looks = 0; looks < kLooksBeforeSleep && bell_.load() == rung; ++looks) Pause();
    bell_.wait(rung);  // Returns at once where it has rung since.
  }
}

}  // namespace gonka::engine::exact
