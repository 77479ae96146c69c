#include "gonka/http/sse.h"

#include <doctest/doctest.h>

#include <vector>

namespace gonka::http {

namespace {

std::vector<SseEvent> Parse(std::string_view text, size_t step = 1 << 20) {
  SseParser parser;
  std::vector<SseEvent> events;
  for (size_t at = 0; at < text.size(); at += step) {
    REQUIRE(
        parser.Push(text.substr(at, step), [&](const SseEvent& e) { events.push_back(e); }).ok());
  }
  return events;
}

TEST_CASE("events are written in the form of the standard") {
  CHECK(FormatSseData("[DONE]") == "data: [DONE]\n\n");
  CHECK(FormatSse({.event = "verdict", .data = "a\nb\r\nc\rd", .id = "7"}) ==
        "id: 7\nevent: verdict\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
  CHECK(FormatSse({.event = "a\ndata: forged", .data = "", .id = ""}) ==
        "event: adata: forged\ndata: \n\n");
  CHECK(FormatSsePing() == ": ping\n\n");
}

TEST_CASE("what is written is read again, however it is cut") {
  const std::vector<SseEvent> events = {{.data = "one"},
                                        {.event = "e", .data = "two\nlines\n\nend", .id = "1"},
                                        {.data = " leading space", .id = "1"},
                                        {.data = "", .id = "1"}};
  std::string text;
  for (const SseEvent& event : events) text += FormatSsePing() + FormatSse(event);
  for (size_t step = 1; step <= text.size(); ++step) CHECK(Parse(text, step) == events);
}

TEST_CASE("streams of other servers are read as the standard says") {
  struct Row {
    const char* text;
    std::vector<SseEvent> events;
  };
  const Row rows[] = {
      {"data:x\r\n\r\ndata:y\r\rdata:z\n\n", {{.data = "x"}, {.data = "y"}, {.data = "z"}}},
      {"\xEF\xBB\xBF"
       "data: x\n\n",
       {{.data = "x"}}},
      {"data\n\n", {{.data = ""}}},
      {"data\ndata\n\n", {{.data = "\n"}}},
      {"event: only a name\n\ndata: x\n\n", {{.data = "x"}}},
      {": comment\n\n\n\n", {}},
      {"retry: 10\nunknown: x\ndata: y\n\n", {{.data = "y"}}},
      {"id: 5\ndata: x\n\ndata: y\n\nid\ndata: z\n\n",
       {{.data = "x", .id = "5"}, {.data = "y", .id = "5"}, {.data = "z"}}},
      {"data: unfinished\n", {}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(Parse(row.text) == row.events);
    CHECK(Parse(row.text, 1) == row.events);
  }
}

TEST_CASE("an event without end is refused, once and for all") {
  SseParser parser(100);
  int count = 0;
  const auto on_event = [&](const SseEvent&) { ++count; };
  CHECK(parser.Push("data: ok\n\n", on_event).ok());
  std::string lines;
  for (int i = 0; i < 30; ++i) lines += "data: 1234\n";
  CHECK(parser.Push(lines, on_event).code() == absl::StatusCode::kResourceExhausted);
  CHECK_FALSE(parser.Push("\n\ndata: later\n\n", on_event).ok());
  CHECK(count == 1);
  SseParser line(100);
  CHECK_FALSE(line.Push(std::string(101, 'x'), on_event).ok());
}

}  // namespace
}  // namespace gonka::http
