#include "gonka/host/loop.h"

#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <thread>
#include <vector>

#include "gonka/host/thread_pool.h"

namespace gonka::host {
namespace {

// Runs f on the loop and waits for it.
void On(ThreadLoop& loop, std::function<void()> f) {
  std::promise<void> done;
  loop.Post([&] {
    f();
    done.set_value();
  });
  done.get_future().get();
}

TEST_CASE("tasks run one at a time, in order, on the loop's thread") {
  ThreadLoop loop;
  std::vector<int> order;
  for (int i = 0; i < 1000; ++i) {
    loop.Post([&, i] {
      CHECK(loop.OnLoopThread());
      order.push_back(i);
    });
  }
  On(loop, [] {});
  CHECK_FALSE(loop.OnLoopThread());
  REQUIRE(order.size() == 1000);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE("many threads may post at once") {
  ThreadLoop loop;
  int count = 0;  // Only the loop touches it.
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) loop.Post([&] { ++count; });
    });
  }
  for (std::thread& thread : threads) thread.join();
  On(loop, [&] { CHECK(count == 20'000); });
}

TEST_CASE("timers fire in the order of their times, and not before them") {
  ThreadLoop loop;
  std::vector<int> order;
  std::promise<void> done;
  On(loop, [&] {
    const int64_t start = loop.NowUs();
    loop.PostAfter(30'000, [&, start] {
      CHECK(loop.NowUs() - start >= 30'000);
      order.push_back(3);
      done.set_value();
    });
    loop.PostAfter(10'000, [&] { order.push_back(1); });
    loop.PostAfter(10'000, [&] { order.push_back(2); });
    loop.PostAfter(0, [&] { order.push_back(0); });
  });
  done.get_future().get();
  On(loop, [&] { CHECK(order == std::vector<int>{0, 1, 2, 3}); });
}

TEST_CASE("a cancelled timer does not fire, and to cancel any other does nothing") {
  ThreadLoop loop;
  bool fired = false;
  auto held = std::make_shared<int>(1);
  std::promise<void> done;
  On(loop, [&] {
    const Loop::TimerId timer = loop.PostAfter(1000, [&fired, held] { fired = true; });
    CHECK(timer != 0);
    CHECK(held.use_count() == 2);
    loop.CancelTimer(timer);
    CHECK(held.use_count() == 1);
    loop.CancelTimer(timer);
    loop.CancelTimer(0);
    loop.CancelTimer(12345);
    loop.PostAfter(2000, [&] { done.set_value(); });
  });
  done.get_future().get();
  CHECK_FALSE(fired);
}

TEST_CASE("of two timers of one moment the first may still cancel the second") {
  ThreadLoop loop;
  bool fired = false;
  std::promise<void> done;
  On(loop, [&] {
    auto second = std::make_shared<Loop::TimerId>();
    loop.PostAfter(1000, [&, second] { loop.CancelTimer(*second); });
    *second = loop.PostAfter(1000, [&] { fired = true; });
    loop.PostAfter(1001, [&] { done.set_value(); });
    const int64_t late = loop.NowUs() + 2000;
    while (loop.NowUs() < late) continue;  // So that all three are due at once.
  });
  done.get_future().get();
  CHECK_FALSE(fired);
}

TEST_CASE("a loop that stops finishes the task it is at and drops the others") {
  auto loop = std::make_unique<ThreadLoop>();
  std::promise<void> inside, go;
  std::atomic<bool> finished = false, second = false;
  auto held = std::make_shared<int>(1);
  loop->Post([&] {
    inside.set_value();
    go.get_future().get();
    finished = true;
  });
  loop->Post([&, held] { second = true; });
  loop->PostAfter(1'000'000'000, [held] {});
  inside.get_future().get();
  CHECK(loop->Backlog() == 1);
  std::thread stopper([&] { loop->Stop(); });
  // Once the loop is stopping it takes nothing more, and only then does the first task go on.
  size_t before = 0;
  do {
    before = loop->Backlog();
    loop->Post([&, held] { second = true; });
  } while (loop->Backlog() > before);
  go.set_value();
  stopper.join();
  CHECK(finished);
  loop->Post([&, held] { second = true; });
  loop.reset();
  CHECK_FALSE(second);
  CHECK(held.use_count() == 1);
}

TEST_CASE("a pool runs what it takes and says when it takes no more") {
  ThreadPool pool(2, 3);
  std::promise<void> go;
  const std::shared_future<void> gate = go.get_future().share();
  std::atomic<int> ran = 0;
  std::promise<void> busy[2];
  for (auto& started : busy) {
    REQUIRE(pool.TryPost([&] {
      started.set_value();
      gate.get();
      ++ran;
    }));
    started.get_future().get();
  }
  for (int i = 0; i < 3; ++i) CHECK(pool.TryPost([&] { ++ran; }));
  CHECK_FALSE(pool.TryPost([&] { ran += 100; }));
  std::thread waiting([&] { pool.Post([&] { ++ran; }); });
  go.set_value();
  waiting.join();
  pool.Drain();
  CHECK(ran == 6);
}

}  // namespace
}  // namespace gonka::host
