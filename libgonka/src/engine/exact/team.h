#pragma once

// A few threads that share out loops of some microseconds each: a forward pass is hundreds of them.
// Which thread takes which part is left to chance and changes no bit, because every output is
// computed by one thread in one order. Between loops the threads watch for the next one for a short
// while, then sleep, so that an idle engine costs nothing.
//
// decisions/0050 says why this is not at::parallel_for.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

namespace gonka::engine::exact {

class Team {
 public:
  // The caller of Run is one of them. At least one.
  explicit Team(uint32_t threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  size_t threads() const { return workers_.size() + 1; }

  // work(thread, begin, end) for parts of at most `grain` that cover [0, count), each once; returns
  // when all are done. thread < threads(), and no two parts run on the same one at a time. Always
  // called by the same thread.
  template <class Work>
  void Run(size_t count, size_t grain, const Work& work) {
    if (workers_.empty() || count <= grain) {
      if (count > 0) work(size_t{0}, size_t{0}, count);
      return;
    }
    Share({.count = count,
           .grain = grain,
           .work = &work,
           .call = [](const void* w, size_t thread, size_t begin, size_t end) {
             (*static_cast<const Work*>(w))(thread, begin, end);
           }});
  }

 private:
  struct Loop {
    size_t count = 0;
    size_t grain = 0;
    const void* work = nullptr;
    void (*call)(const void* work, size_t thread, size_t begin, size_t end) = nullptr;
  };

  void Share(const Loop& loop);
  bool TakePart(size_t thread);
  void Serve(size_t thread);

  Loop loop_;  // Changes only while no part of it is open.
  // The loop's number in the high half, its parts that nobody has taken yet in the low half: a
  // thread that is late cannot take a part of a loop that it has not seen.
  alignas(64) std::atomic<uint64_t> untaken_{0};
  alignas(64) std::atomic<uint32_t> unfinished_{0};
  alignas(64) std::atomic<uint32_t> bell_{0};  // Rings with every loop, and at the end.
  std::atomic<bool> stop_{false};
  std::vector<std::thread> workers_;
};

}  // namespace gonka::engine::exact
