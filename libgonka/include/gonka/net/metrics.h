#pragma once

// What a node counts, and its Prometheus text (doc/http_api.md, "Operation"). Any thread.

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "gonka/protocol/notice.h"

namespace gonka::net {

using Counter = std::atomic<uint64_t>;

// How often something took how long.
class Histogram {
 public:
  static constexpr std::array<double, 12> kBoundsSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
                                                            0.1,   0.25,   0.5,   1,    2.5,   10};
  void Observe(int64_t us);
  void AppendTo(std::string& out, const std::string& name, const std::string& help) const;

 private:
  std::array<Counter, kBoundsSeconds.size() + 1> buckets_{};
  Counter sum_us_{0};
};

// What is read off at the moment of asking: {"gonka_height", "Height of the newest block", 812}.
struct Gauge {
  std::string name;
  std::string help;
  uint64_t value = 0;
};

class Metrics {
 public:
  enum Route : uint8_t { kModels, kChat, kCompletions, kRoutesEnd };

  std::array<Counter, kRoutesEnd> requests{};
  std::array<Counter, 600> responses{};  // By status.
  Counter prompt_tokens{0};
  Counter output_tokens{0};
  Counter cancelled{0};      // The client hung up.
  Counter stream_errors{0};  // Streams that ended with an error.
  std::atomic<int64_t> in_flight{0};
  Counter blocks{0};
  std::array<Counter, std::variant_size_v<Notice>> notices{};
  Counter events_sent{0};
  Histogram first_token;

  std::string Text(const std::vector<Gauge>& gauges) const;
};

// "refunded": kName of the Notice's alternative with that number.
const char* NoticeKindName(size_t kind);

}  // namespace gonka::net
