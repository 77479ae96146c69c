#include "gonka/net/block_producer.h"

#include <fmt/format.h>

namespace gonka::net {
namespace {

constexpr uint64_t kRenewalEveryBlocks = 64;

}  // namespace

BlockProducer::BlockProducer(consensus::Sequencer& sequencer, WallClock& clock, Log& log,
                             int64_t interval_us,
                             std::function<void(const CommitBeacon&)> on_renewal,
                             std::function<void(const absl::Status&)> on_failure)
    : sequencer_(sequencer),
      clock_(clock),
      log_(log),
      on_renewal_(std::move(on_renewal)),
      on_failure_(std::move(on_failure)),
      thread_([this, interval_us] { Run(interval_us); }) {}

BlockProducer::~BlockProducer() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  stop_signal_.notify_all();
  thread_.join();
}

bool BlockProducer::WaitUntil(std::chrono::steady_clock::time_point time) {
  std::unique_lock lock(mutex_);
  return !stop_signal_.wait_until(lock, time, [&] { return stop_; });
}

void BlockProducer::Run(int64_t interval_us) {
  const auto interval = std::chrono::microseconds(interval_us);
  auto next = std::chrono::steady_clock::now() + interval;
  while (WaitUntil(next)) {
    // A machine that was busy or asleep makes the next block now, not many at once.
    next = std::max(next + interval, std::chrono::steady_clock::now());
    const auto block = sequencer_.ProduceBlock(static_cast<uint64_t>(clock_.UnixUs()));
    if (!block.ok()) {
      log_.Write(LogLevel::kError,
                 fmt::format("no block could be made: {}", ToString(block.status())));
      return on_failure_(block.status());
    }
    if (block->header.height % kRenewalEveryBlocks != 0) continue;
    const auto renewal = sequencer_.Renewal();
    if (!renewal.ok()) {
      log_.Write(LogLevel::kError,
                 fmt::format("the beacon chain cannot be renewed: {}", ToString(renewal.status())));
    } else if (*renewal) {
      on_renewal_(**renewal);
    }
  }
}

}  // namespace gonka::net
