// Server-sent events. The first byte says how the rest is cut; whole or cut, it must mean the same,
// and what is written from it must read back.

#include "gonka/http/sse.h"

#include <cstdint>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/check.h"

namespace gonka::http {
namespace {

std::vector<SseEvent> Parse(std::string_view text, size_t step, bool& ok) {
  SseParser parser(256);
  std::vector<SseEvent> events;
  ok = true;
  for (size_t at = 0; at < text.size() && ok; at += step) {
    ok = parser.Push(text.substr(at, step), [&](const SseEvent& event) { events.push_back(event); })
             .ok();
  }
  return events;
}

void Check(std::string_view text, size_t step) {
  bool whole_ok = true, cut_ok = true, again_ok = true;
  const std::vector<SseEvent> events = Parse(text, text.size() + 1, whole_ok);
  GONKA_CHECK(Parse(text, step, cut_ok) == events && whole_ok == cut_ok);
  for (const SseEvent& event : events) {
    const std::vector<SseEvent> again = Parse(FormatSseData(event.data), 7, again_ok);
    if (again_ok) GONKA_CHECK(again.size() == 1 && again[0].data == event.data);
  }
}

}  // namespace
}  // namespace gonka::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  gonka::http::Check(gonka::AsText({data + 1, size - 1}), data[0] % 64 + 1u);
  return 0;
}
