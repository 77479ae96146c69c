// A template, a zero byte, and the messages that it renders. Whatever comes out is as long as it
// may be, and its trusted ranges are in order.

#include "gonka/model/chat_template.h"

#include <cstring>

#include "gonka/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::model;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = input.find('\0');
  const absl::StatusOr<ChatTemplate> parsed = ChatTemplate::Parse(input.substr(0, zero));
  if (!parsed.ok()) return 0;
  ChatContext context;
  context.messages_json =
      R"([{"role":"user","content":" h\u00e9 <b> "},{"role":"tool","content":null}])";
  if (zero != std::string_view::npos) context.messages_json = input.substr(zero + 1);
  context.tools_json = R"([{"name":"f","parameters":{"type":"object"}}])";
  context.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}};
  context.render_time_unix_s = 1'700'000'000;
  const RenderLimits limits{.work_max = 1 << 20, .output_bytes_max = 1 << 16, .depth_max = 16};
  const absl::StatusOr<MarkedText> rendered = parsed->Render(context, limits);
  if (!rendered.ok()) return 0;
  GONKA_CHECK(rendered->text.size() <= limits.output_bytes_max);
  size_t end = 0;
  for (const ByteRange& range : rendered->trusted) {
    GONKA_CHECK(range.begin < range.end && range.end <= rendered->text.size());
    GONKA_CHECK(end == 0 || range.begin > end);
    end = range.end;
  }
  return 0;
}
