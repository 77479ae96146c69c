#include "gonka/http/sse.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::http {
namespace {

std::string OneLine(std::string_view text) {
  std::string line(text);
  std::erase_if(line, [](char c) { return c == '\n' || c == '\r' || c == '\0'; });
  return line;
}

void AppendData(std::string& out, std::string_view data) {
  while (true) {
    const size_t end = std::min(data.find_first_of("\r\n"), data.size());
    out += "data: ";
    out += data.substr(0, end);
    out += '\n';
    if (end == data.size()) return;
    // A carriage return ends a line, too, for whoever reads this.
    data.remove_prefix(data.substr(end).starts_with("\r\n") ? end + 2 : end + 1);
  }
}

}  // namespace

std::string FormatSse(const SseEvent& event) {
  std::string out;
  if (!event.id.empty()) out += fmt::format("id: {}\n", OneLine(event.id));
  if (!event.event.empty()) out += fmt::format("event: {}\n", OneLine(event.event));
  AppendData(out, event.data);
  out += '\n';
  return out;
}

std::string FormatSseData(std::string_view data) {
  std::string out;
  out.reserve(data.size() + 8);
  AppendData(out, data);
  out += '\n';
  return out;
}

std::string FormatSsePing() {
  return ": ping\n\n";
}

absl::Status SseParser::Push(std::string_view data,
                             const std::function<void(const SseEvent&)>& on_event) {
  for (const char c : data) {
    if (failed_) break;
    const bool second_half_of_crlf = after_cr_ && c == '\n';
    after_cr_ = c == '\r';
    if (second_half_of_crlf) continue;
    if (c == '\n' || c == '\r') {
      TakeLine(on_event);
      line_.clear();
      continue;
    }
    line_ += c;
    failed_ = line_.size() + event_.data.size() + event_.event.size() > event_max_;
  }
  if (!failed_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      fmt::format("a server-sent event is larger than {} bytes", event_max_));
}

void SseParser::TakeLine(const std::function<void(const SseEvent&)>& on_event) {
  std::string_view line = line_;
  if (at_start_ && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);  // byte order mark
  at_start_ = false;
  if (!line.empty()) {
    const size_t colon = std::min(line.find(':'), line.size());
    std::string_view value = line.substr(std::min(colon + 1, line.size()));
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (colon > 0) TakeField(line.substr(0, colon), value);
    return;
  }
  SseEvent event = std::move(event_);
  event_ = {};
  if (!std::exchange(has_data_, false)) return;
  event.data.pop_back();  // Each data line ended in a newline; the last one is not data.
  event.id = last_id_;
  on_event(event);
}

void SseParser::TakeField(std::string_view name, std::string_view value) {
  if (name == "data") {
    event_.data += value;
    event_.data += '\n';
    has_data_ = true;
  } else if (name == "event") {
    event_.event = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    last_id_ = value;
  }
}

}  // namespace gonka::http
