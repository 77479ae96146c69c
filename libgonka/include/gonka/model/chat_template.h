#pragma once

// A checkpoint's chat template: Jinja as Hugging Face's chat templates use it (trim_blocks,
// lstrip_blocks, Python's string methods, tojson, raise_exception, strftime_now, namespace, macros,
// loop controls), parsed once.
//
// What is not understood (include, import, extends, call blocks, recursive loops, unknown filters)
// is refused when it is parsed or, within an if, reached, by line and construct. upper and lower
// change ASCII letters only; format knows "{}", "{0}" and "{name}". Rendering is bounded in work, output and depth. Everything that comes from the
// request is marked untrusted, through every operation.
//
// Immutable: any number of threads may render at once.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/model/marked_text.h"

namespace gonka::model {

struct RenderLimits {
  uint64_t work_max = 256 << 20;       // Roughly bytes handled; 16 for an evaluated node.
  size_t output_bytes_max = 16 << 20;  // Of any single string, too.
  uint32_t depth_max = 32;             // Of macro calls, and of values nested in one another.
};

// The variables that a template sees. JSON arrives as text and is parsed part by part, so that no
// part can set another.
struct ChatContext {
  std::string messages_json = "[]";   // messages
  std::string tools_json = {};        // tools; empty: none.
  std::string extra_json = {};        // An object of further variables; empty: none.
  bool add_generation_prompt = true;  // add_generation_prompt
  // bos_token and the like, by name: the only strings of a context that are trusted.
  std::vector<std::pair<std::string, std::string>> special_tokens = {};
  // What strftime_now sees, in UTC. Without it the template finds that function undefined.
  std::optional<int64_t> render_time_unix_s = {};
};

class ChatTemplate {
 public:
  static constexpr size_t kSourceBytesMax = 1 << 20;

  // InvalidArgument with line and construct where the source is not understood.
  static absl::StatusOr<ChatTemplate> Parse(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // InvalidArgument where the template raises an exception or misuses a value, or where the context
  // is not the JSON that it should be; ResourceExhausted beyond the limits.
  absl::StatusOr<MarkedText> Render(const ChatContext& context,
                                    const RenderLimits& limits = {}) const;

 private:
  struct Program;
  explicit ChatTemplate(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

}  // namespace gonka::model
