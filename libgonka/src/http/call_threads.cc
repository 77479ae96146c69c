#include "http/call_threads.h"

namespace gonka::http {

CallThreads::~CallThreads() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

bool CallThreads::Run(std::function<void()> call) {
  {
    const std::lock_guard lock(mutex_);
    if (calls_.size() >= waiting_max_) return false;
    calls_.push_back(std::move(call));
    if (calls_.size() > idle_ && threads_.size() < threads_max_) {
      threads_.emplace_back([this] { Work(); });
      return true;
    }
  }
  wake_.notify_one();
  return true;
}

void CallThreads::Work() {
  std::unique_lock lock(mutex_);
  while (true) {
    ++idle_;
    wake_.wait(lock, [&] { return stopping_ || !calls_.empty(); });
    --idle_;
    if (calls_.empty()) return;
    std::function<void()> call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    call();
    call = nullptr;
    lock.lock();
  }
}

}  // namespace gonka::http
