#pragma once

// Simulated time: a heap of events that one thread runs in order of time, and loops that share it.
// Events of one time run in the order in which they were made, so a run follows from its seed.
//
// Not thread-safe: everything of a simulation happens on one thread.

#include <map>
#include <memory>
#include <set>

#include "gonka/base/amount.h"
#include "gonka/base/loop.h"

namespace gonka::testing {

// The simulation's dice (SplitMix64).
class SimRandom {
 public:
  explicit SimRandom(uint64_t sim_seed) : state_(sim_seed) {}
  uint64_t Next();
  uint64_t Below(uint64_t bound);  // bound > 0.
  bool Chance(Ppm probability);

 private:
  uint64_t state_;
};

class SimEntropy final : public Entropy {
 public:
  explicit SimEntropy(uint64_t sim_seed) : random_(sim_seed) {}
  void Fill(std::span<uint8_t> out) override;

 private:
  SimRandom random_;
};

class SimClock {
 public:
  using EventId = uint64_t;

  int64_t now_us() const { return now_us_; }
  // Runs the task at that time; at once, but not before those already waiting, where it has passed.
  EventId At(int64_t time_us, std::function<void()> task);
  void Cancel(EventId event);
  // Advances to the next event and runs it; false where there is none.
  bool RunNext();
  bool HasEventUntil(int64_t time_us) const;
  // Time passes, nothing is run: only where no event is due before.
  void AdvanceTo(int64_t time_us);

 private:
  int64_t now_us_ = 0;
  EventId last_event_ = 0;
  std::map<std::pair<int64_t, EventId>, std::function<void()>> events_;
  std::map<EventId, int64_t> times_;
};

// How a machine's time differs from the simulation's. May be changed while loops use it.
struct SimPace {
  int64_t skew_us = 0;              // Its clock is ahead by this, and
  int32_t drift_ppm = 0;            // gains so much (more than minus a million).
  int64_t lag_us = 0;               // Everything it does begins this much later.
  uint32_t slowness_percent = 100;  // A wait of 1 s takes so much longer.

  int64_t LocalUs(int64_t world_us) const;
  int64_t WorldDelayUs(int64_t local_us) const;
};

// One node's loop. Destroying it drops what it had to do: the process is gone.
class SimLoop final : public Loop {
 public:
  // Without a pace: the simulation's own time. Clock and pace must outlive the loop.
  explicit SimLoop(SimClock& clock, const SimPace* pace = nullptr) : clock_(clock), pace_(pace) {}
  ~SimLoop() override;

  void Post(Task task) override;
  TimerId PostAfter(int64_t delay_us, Task task) override;
  void CancelTimer(TimerId timer) override;
  int64_t NowUs() const override {
    return pace_ == nullptr ? clock_.now_us() : pace_->LocalUs(clock_.now_us());
  }

 private:
  SimClock& clock_;
  const SimPace* pace_;
  std::set<SimClock::EventId> waiting_;
};

}  // namespace gonka::testing
