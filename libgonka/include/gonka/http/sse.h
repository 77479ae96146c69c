#pragma once

// Server-sent events, as in the HTML standard: "event:", "data:", "id:" lines, a blank line ends an
// event, lines that start with a colon are comments.

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace gonka::http {

inline constexpr const char* kSseContentType = "text/event-stream";

struct SseEvent {
  std::string event = {};  // "" is the default type, "message".
  std::string data = {};   // May hold newlines.
  std::string id = {};     // "" where there is none.

  bool operator==(const SseEvent&) const = default;
};

// The bytes of one event. Newlines in event and id would be another field, so they are dropped.
std::string FormatSse(const SseEvent& event);
// "data: <data>\n\n": all that OpenAI streams use.
std::string FormatSseData(std::string_view data);
// A comment line that keeps a connection from looking idle.
std::string FormatSsePing();

// Reads a stream of any cut into pieces. Not thread safe.
class SseParser {
 public:
  // event_max bounds one event's bytes.
  explicit SseParser(size_t event_max = 1 << 20) : event_max_(event_max) {}

  // Calls on_event for each event that data completes. Fails, and from then on always, when an
  // event is larger than event_max. An unfinished event at the end of a stream is none.
  absl::Status Push(std::string_view data, const std::function<void(const SseEvent&)>& on_event);

 private:
  void TakeLine(const std::function<void(const SseEvent&)>& on_event);
  void TakeField(std::string_view name, std::string_view value);

  size_t event_max_;
  std::string line_;
  SseEvent event_;
  std::string last_id_;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool at_start_ = true;
  bool failed_ = false;
};

}  // namespace gonka::http
