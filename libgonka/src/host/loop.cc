#include "gonka/host/loop.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>

#include "gonka/base/check.h"

namespace gonka::host {

int64_t MonotonicUs() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

class ThreadLoop::Impl {
 public:
  Impl() : thread_([this] { Run(); }) {}

  void Post(Task task);
  TimerId PostAfter(int64_t delay_us, Task task);
  void CancelTimer(TimerId timer);
  void Stop();
  bool OnLoopThread() const { return std::this_thread::get_id() == thread_.get_id(); }
  size_t Backlog() const;

 private:
  using Lock = std::unique_lock<std::mutex>;
  using Due =
      std::pair<int64_t, TimerId>;  // Timers of one moment fire in the order of their making.

  // timer is 0 for what was posted. An empty task is a timer that was cancelled after all.
  struct Entry {
    TimerId timer;
    Task task;
  };
  static constexpr int64_t kQueued = -1;

  void Run();
  void Wait(Lock& lock);
  void TakeDue();

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::deque<Entry> queue_;
  std::map<Due, Task> timers_;
  std::unordered_map<TimerId, int64_t> due_;  // Of each timer not yet run, or kQueued.
  TimerId next_timer_ = 1;
  std::thread thread_;  // Last: it uses all the others.
};

void ThreadLoop::Impl::Post(Task task) {
  {
    const Lock lock(mutex_);
    if (stopping_) return;
    queue_.push_back({.timer = 0, .task = std::move(task)});
    if (queue_.size() > 1) return;  // The loop has been woken for the first one.
  }
  wake_.notify_one();
}

// By contract on the loop's thread, where no waking is needed; but the lock makes it safe for a
// program that sets its first timers before anything runs.
Loop::TimerId ThreadLoop::Impl::PostAfter(int64_t delay_us, Task task) {
  TimerId timer;
  {
    const Lock lock(mutex_);
    timer = next_timer_++;
    const int64_t due = MonotonicUs() + std::max<int64_t>(delay_us, 0);
    timers_.emplace(Due(due, timer), std::move(task));
    due_.emplace(timer, due);
  }
  if (!OnLoopThread()) wake_.notify_one();
  return timer;
}

void ThreadLoop::Impl::CancelTimer(TimerId timer) {
  Task cancelled;  // Destroyed after the lock, for its destructor may come back here.
  const Lock lock(mutex_);
  const auto found = due_.find(timer);
  if (found == due_.end()) return;
  if (found->second == kQueued) {
    const auto entry = std::find_if(queue_.begin(), queue_.end(),
                                    [&](const Entry& e) { return e.timer == timer; });
    cancelled = std::exchange(entry->task, nullptr);
  } else {
    const auto entry = timers_.find(Due(found->second, timer));
    cancelled = std::move(entry->second);
    timers_.erase(entry);
  }
  due_.erase(found);
}

void ThreadLoop::Impl::Run() {
  Lock lock(mutex_);
  while (true) {
    Wait(lock);
    if (stopping_) return;
    TakeDue();
    // One task at a time: a stop, or a timer that comes due, need not wait for the whole queue.
    Entry entry = std::move(queue_.front());
    queue_.pop_front();
    if (entry.timer != 0) due_.erase(entry.timer);
    lock.unlock();
    if (entry.task) entry.task();
    entry.task = nullptr;
    lock.lock();
  }
}

void ThreadLoop::Impl::Wait(Lock& lock) {
  const auto ready = [&] {
    return stopping_ || !queue_.empty() ||
           (!timers_.empty() && timers_.begin()->first.first <= MonotonicUs());
  };
  while (!ready()) {
    if (timers_.empty()) {
      wake_.wait(lock);
    } else {
      const int64_t left_us = timers_.begin()->first.first - MonotonicUs();
      wake_.wait_for(lock, std::chrono::microseconds(left_us));
    }
  }
}

// Due timers go behind what was posted before: nobody overtakes.
void ThreadLoop::Impl::TakeDue() {
  if (timers_.empty()) return;
  const int64_t now = MonotonicUs();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const TimerId timer = timers_.begin()->first.second;
    due_[timer] = kQueued;
    queue_.push_back({.timer = timer, .task = std::move(timers_.begin()->second)});
    timers_.erase(timers_.begin());
  }
}

void ThreadLoop::Impl::Stop() {
  GONKA_CHECK(!OnLoopThread());
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
  // Dropping a task may post another, which is dropped at once.
  std::deque<Entry> dropped_tasks;
  std::map<Due, Task> dropped_timers;
  const Lock lock(mutex_);
  dropped_tasks.swap(queue_);
  dropped_timers.swap(timers_);
  due_.clear();
}

size_t ThreadLoop::Impl::Backlog() const {
  const Lock lock(mutex_);
  return queue_.size();
}

ThreadLoop::ThreadLoop() : impl_(std::make_unique<Impl>()) {}
ThreadLoop::~ThreadLoop() {
  Stop();
}
void ThreadLoop::Post(Task task) {
  impl_->Post(std::move(task));
}
Loop::TimerId ThreadLoop::PostAfter(int64_t delay_us, Task task) {
  return impl_->PostAfter(delay_us, std::move(task));
}
void ThreadLoop::CancelTimer(TimerId timer) {
  impl_->CancelTimer(timer);
}
int64_t ThreadLoop::NowUs() const {
  return MonotonicUs();
}
void ThreadLoop::Stop() {
  impl_->Stop();
}
bool ThreadLoop::OnLoopThread() const {
  return impl_->OnLoopThread();
}
size_t ThreadLoop::Backlog() const {
  return impl_->Backlog();
}

}  // namespace gonka::host
