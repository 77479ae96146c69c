#pragma once

// The real loop: one thread, a queue and a heap of timers.

#include <memory>

#include "gonka/base/loop.h"

namespace gonka::host {

// Owns its thread from construction to Stop. What is posted after Stop is dropped. Tasks that are
// queued when Stop is called are dropped, too, and destroyed on the calling thread.
class ThreadLoop final : public Loop {
 public:
  ThreadLoop();
  ~ThreadLoop() override;  // Stops.

  void Post(Task task) override;
  TimerId PostAfter(int64_t delay_us, Task task) override;
  void CancelTimer(TimerId timer) override;
  int64_t NowUs() const override;

  // Waits for the task that runs, if any. Not from the loop's own thread.
  void Stop();
  bool OnLoopThread() const;
  // Tasks waiting to run, for metrics.
  size_t Backlog() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// Monotonic microseconds of this machine; what ThreadLoop::NowUs returns.
int64_t MonotonicUs();

}  // namespace gonka::host
