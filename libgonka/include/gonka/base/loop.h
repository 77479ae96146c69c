#pragma once

// What a service needs from outside its process, handed in at construction so that the same code
// runs in a daemon and in a simulator. The real ones live in gonka/host, simulated ones in
// gonka/testing.

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

namespace gonka {

// Runs functions one after another on one thread: the loop's.
// Post may be called from any thread; everything else from the loop's thread only.
class Loop {
 public:
  using Task = std::function<void()>;
  using TimerId = uint64_t;  // 0 is never used.

  virtual ~Loop() = default;
  virtual void Post(Task task) = 0;
  // Runs the task once, not earlier than delay_us from now.
  virtual TimerId PostAfter(int64_t delay_us, Task task) = 0;
  // Does nothing where the timer has fired or is unknown.
  virtual void CancelTimer(TimerId timer) = 0;
  // Monotonic; any thread.
  virtual int64_t NowUs() const = 0;
};

// Microseconds since 1970 UTC. Only for people and for a proposer's block time.
class WallClock {
 public:
  virtual ~WallClock() = default;
  virtual int64_t UnixUs() const = 0;
};

// Unpredictable bytes, for keys, salts and nonces. Any thread.
class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void Fill(std::span<uint8_t> out) = 0;
};

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

// Any thread.
class Log {
 public:
  virtual ~Log() = default;
  virtual void Write(LogLevel level, std::string_view message) = 0;
};

}  // namespace gonka
