#pragma once

#include <functional>
#include <future>

#include "gonka/base/loop.h"

namespace gonka::net {

// Runs the task on the loop and waits for it. Not from the loop's own thread.
inline void RunOnLoop(Loop& loop, const std::function<void()>& task) {
  std::promise<void> done;
  loop.Post([&] {
    task();
    done.set_value();
  });
  done.get_future().wait();
}

}  // namespace gonka::net
