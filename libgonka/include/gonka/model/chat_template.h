#pragma once

// A checkpoint's chat template: Jinja as Hugging Face's chat templates use it (trim_blocks,
// lstrip_blocks, Python's string methods, tojson, raise_exception, strftime_now, namespace, macros,
// loop controls), parsed once.
//
// What is not understood (include, import, extends, call blocks, recursive loops, unknown filters)
// is refused when it is parsed or reached, by line and construct. Rendering is bounded in work,
// output and depth. Everything that comes from the context is marked untrusted, through every
// operation.
//
// Immutable: any number of threads may render at once.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gonka/base/status.h"
#include "gonka/model/marked_text.h"

namespace gonka::model {

struct RenderLimits {
  uint64_t work_max = 256 << 20;       // One per evaluated node and one per byte produced.
  size_t output_bytes_max = 16 << 20;  // Of any single string, too.
  uint32_t depth_max = 64;             // Of macro calls and of nested values.
};

class ChatTemplate {
 public:
  static constexpr size_t kSourceBytesMax = 1 << 20;

  // InvalidArgument with line and construct where the source is not understood.
  static absl::StatusOr<ChatTemplate> Parse(std::string_view source);
  ~ChatTemplate();
  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;

  // context_json is an object: {"messages": [...], "add_generation_prompt": true, ...}. Its
  // top-level strings named bos_token, eos_token, pad_token and unk_token are trusted, nothing else
  // is. render_time_unix_s is what strftime_now sees (in UTC); without it the template finds that
  // function undefined. InvalidArgument where the template raises an exception or misuses a value,
  // ResourceExhausted beyond the limits.
  absl::StatusOr<MarkedText> Render(std::string_view context_json,
                                    std::optional<int64_t> render_time_unix_s = std::nullopt,
                                    const RenderLimits& limits = {}) const;

 private:
  struct Program;
  explicit ChatTemplate(std::unique_ptr<const Program> program);
  std::unique_ptr<const Program> program_;
};

}  // namespace gonka::model
