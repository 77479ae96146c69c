#include "gonka/testing/sim_clock.h"

#include <algorithm>

namespace gonka::testing {

uint64_t SimRandom::Next() {
  state_ += 0x9E3779B97F4A7C15;
  uint64_t x = state_;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9;
  x = (x ^ x >> 27) * 0x94D049BB133111EB;
  return x ^ x >> 31;
}

// The bias of a remainder does not matter to a simulation.
uint64_t SimRandom::Below(uint64_t bound) {
  GONKA_CHECK(bound > 0);
  return Next() % bound;
}

bool SimRandom::Chance(Ppm probability) {
  return probability.value > 0 && Below(Ppm::kOne) < probability.value;
}

void SimEntropy::Fill(std::span<uint8_t> out) {
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random_.Next());
}

SimClock::EventId SimClock::At(int64_t time_us, std::function<void()> task) {
  const int64_t time = std::max(time_us, now_us_);
  const EventId id = ++last_event_;
  events_.emplace(std::pair(time, id), std::move(task));
  times_.emplace(id, time);
  return id;
}

void SimClock::Cancel(EventId event) {
  const auto found = times_.find(event);
  if (found == times_.end()) return;
  events_.erase({found->second, event});
  times_.erase(found);
}

bool SimClock::RunNext() {
  if (events_.empty()) return false;
  const auto first = events_.extract(events_.begin());
  now_us_ = first.key().first;
  times_.erase(first.key().second);
  first.mapped()();
  return true;
}

bool SimClock::HasEventUntil(int64_t time_us) const {
  return !events_.empty() && events_.begin()->first.first <= time_us;
}

void SimClock::AdvanceTo(int64_t time_us) {
  GONKA_CHECK(events_.empty() || events_.begin()->first.first >= time_us);
  now_us_ = std::max(now_us_, time_us);
}

int64_t SimPace::LocalUs(int64_t world_us) const {
  return world_us + world_us / 1'000'000 * drift_ppm + skew_us;
}

int64_t SimPace::WorldDelayUs(int64_t local_us) const {
  const int64_t slow = local_us * slowness_percent / 100;
  return lag_us + slow - slow / 1'000'000 * drift_ppm;
}

SimLoop::~SimLoop() {
  for (const SimClock::EventId event : waiting_) clock_.Cancel(event);
}

void SimLoop::Post(Task task) {
  PostAfter(0, std::move(task));
}

Loop::TimerId SimLoop::PostAfter(int64_t delay_us, Task task) {
  const auto id = std::make_shared<SimClock::EventId>();
  const int64_t delay = pace_ == nullptr ? delay_us : pace_->WorldDelayUs(delay_us);
  *id = clock_.At(clock_.now_us() + delay, [this, id, task = std::move(task)] {
    waiting_.erase(*id);
    task();
  });
  waiting_.insert(*id);
  return *id;
}

void SimLoop::CancelTimer(TimerId timer) {
  if (waiting_.erase(timer) > 0) clock_.Cancel(timer);
}

}  // namespace gonka::testing
