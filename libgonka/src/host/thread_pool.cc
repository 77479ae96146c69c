#include "gonka/host/thread_pool.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "gonka/base/check.h"

namespace gonka::host {

class ThreadPool::Impl {
 public:
  Impl(size_t threads, size_t queue_max) : queue_max_(queue_max) {
    GONKA_CHECK(threads > 0 && queue_max > 0);
    for (size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Work(); });
  }

  ~Impl() {
    {
      const Lock lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  bool TryPost(std::function<void()>& task) {
    const Lock lock(mutex_);
    if (queue_.size() >= queue_max_) return false;
    Push(std::move(task));
    return true;
  }

  void Post(std::function<void()> task) {
    Lock lock(mutex_);
    room_.wait(lock, [&] { return queue_.size() < queue_max_; });
    Push(std::move(task));
  }

  void Drain() {
    Lock lock(mutex_);
    room_.wait(lock, [&] { return queue_.empty() && running_ == 0; });
  }

 private:
  using Lock = std::unique_lock<std::mutex>;

  void Push(std::function<void()> task) {
    queue_.push_back(std::move(task));
    changed_.notify_one();
  }

  void Work() {
    Lock lock(mutex_);
    while (true) {
      changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      std::function<void()> task = std::move(queue_.front());
      queue_.pop_front();
      ++running_;
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
      --running_;
      room_.notify_all();
    }
  }

  const size_t queue_max_;
  std::mutex mutex_;
  std::condition_variable changed_;  // Work came, or the end.
  std::condition_variable room_;     // A task was finished.
  std::deque<std::function<void()>> queue_;
  size_t running_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

ThreadPool::ThreadPool(size_t threads, size_t queue_max)
    : impl_(std::make_unique<Impl>(threads, queue_max)) {}
ThreadPool::~ThreadPool() = default;
bool ThreadPool::TryPost(std::function<void()> task) {
  return impl_->TryPost(task);
}
void ThreadPool::Post(std::function<void()> task) {
  impl_->Post(std::move(task));
}
void ThreadPool::Drain() {
  impl_->Drain();
}

}  // namespace gonka::host
