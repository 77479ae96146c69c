#pragma once

// What every daemon's main has in common: say what went wrong and exit with 1; write where the
// program listens, so that whoever started it with port 0 can find it; wait for a signal.

#include <fmt/format.h>

#include <atomic>
#include <charconv>
#include <cstdio>
#include <future>
#include <optional>
#include <string>
#include <utility>

#include "gonka/base/status.h"
#include "gonka/host/system.h"

namespace gonka::apps {

inline int Fail(const absl::Status& status) {
  fmt::print(stderr, "error: {}\n", Message(status));
  return 1;
}

// "127.0.0.1:7101" -> address and port; nothing where it is neither.
inline std::optional<std::pair<std::string, uint16_t>> ParseListen(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc() || stop != end || stop == text.data() + colon + 1) return std::nullopt;
  return std::pair(text.substr(0, colon), port);
}

// Construct it first thing in main, before any other thread.
class UntilSignal {
 public:
  UntilSignal()
      : signals_([this](int) {
          has_come_ = true;
          came_.set_value();
        }) {}
  // Until SIGINT or SIGTERM.
  void Wait() { came_.get_future().wait(); }
  bool HasCome() const { return has_come_; }

 private:
  std::atomic<bool> has_come_{false};
  std::promise<void> came_;
  host::StopSignals signals_;
};

}  // namespace gonka::apps
