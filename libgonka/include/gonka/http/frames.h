#pragma once

// Binary messages over a streamed body: u32 length, little-endian, then that many bytes.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "gonka/base/bytes.h"

namespace gonka::http {

inline constexpr const char* kFramesContentType = "application/octet-stream";

std::string FormatFrame(ByteSpan bytes);

// Cuts a stream into its frames, however it arrives. Not thread safe.
class FrameParser {
 public:
  explicit FrameParser(size_t frame_max) : frame_max_(frame_max) {}

  // Calls on_frame for each frame that data completes. False, and from then on always, where a
  // length is beyond the bound.
  bool Push(std::string_view data, const std::function<void(Bytes frame)>& on_frame);

 private:
  size_t frame_max_;
  std::string buffer_;
  bool failed_ = false;
};

}  // namespace gonka::http
