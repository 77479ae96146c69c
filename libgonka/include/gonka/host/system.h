#pragma once

// The operating system's clock, randomness and signals.

#include <functional>
#include <memory>

#include "gonka/base/loop.h"

namespace gonka::host {

class SystemClock final : public WallClock {
 public:
  int64_t UnixUs() const override;
};

// getrandom(2). A kernel that gives none is no place to make keys: the process ends.
class SystemEntropy final : public Entropy {
 public:
  void Fill(std::span<uint8_t> out) override;
};

// Calls on_stop on a thread of its own at the first SIGINT or SIGTERM; the second one ends the
// process at once, as if nobody had asked for it. Construct it first thing in main, before any
// other thread: the signals are blocked in the constructing thread and in all that it starts later.
// One at a time in a process. Also ignores SIGPIPE for good.
class StopSignals {
 public:
  explicit StopSignals(std::function<void(int signal)> on_stop);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gonka::host
