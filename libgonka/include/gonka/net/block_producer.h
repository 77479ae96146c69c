#pragma once

// Makes a block every interval, on a thread of its own: the sequencer's writer.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "gonka/base/loop.h"
#include "gonka/consensus/sequencer.h"

namespace gonka::net {

class BlockProducer {
 public:
  // on_renewal is called on the producer's thread with the next beacon chain's end, when it is time
  // to commit to one. on_failure once, where no block could be made.
  BlockProducer(consensus::Sequencer& sequencer, WallClock& clock, Log& log, int64_t interval_us,
                std::function<void(const CommitBeacon&)> on_renewal,
                std::function<void(const absl::Status&)> on_failure);
  ~BlockProducer();  // Stops.

 private:
  void Run(int64_t interval_us);
  bool WaitUntil(std::chrono::steady_clock::time_point time);

  consensus::Sequencer& sequencer_;
  WallClock& clock_;
  Log& log_;
  const std::function<void(const CommitBeacon&)> on_renewal_;
  const std::function<void(const absl::Status&)> on_failure_;
  std::mutex mutex_;
  std::condition_variable stop_signal_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace gonka::net
