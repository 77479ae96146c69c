#pragma once

// A fixed number of threads and a bounded queue, for work that must not stop a loop.

#include <cstddef>
#include <functional>
#include <memory>

namespace gonka::host {

class ThreadPool {
 public:
  ThreadPool(size_t threads, size_t queue_max);
  ~ThreadPool();  // Finishes what runs, drops what waits.
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // False, and nothing happens, when queue_max tasks wait already. Any thread, tasks too.
  [[nodiscard]] bool TryPost(std::function<void()> task);
  // Waits for room. Not from one of its own tasks.
  void Post(std::function<void()> task);
  // Waits until nothing runs and nothing waits.
  void Drain();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gonka::host
