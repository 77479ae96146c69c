#pragma once

// Threads for calls under way: as many as there are calls, within bounds, kept for the next ones.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gonka::http {

class CallThreads {
 public:
  CallThreads(size_t threads_max, size_t waiting_max)
      : threads_max_(threads_max), waiting_max_(waiting_max) {}
  ~CallThreads();  // Runs what waits, then joins.

  // False when waiting_max calls wait already.
  bool Run(std::function<void()> call);

 private:
  void Work();

  const size_t threads_max_;
  const size_t waiting_max_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> calls_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace gonka::http
