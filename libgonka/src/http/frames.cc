#include "gonka/http/frames.h"

#include "gonka/base/codec.h"

namespace gonka::http {

std::string FormatFrame(ByteSpan bytes) {
  Writer out;
  out.Int(static_cast<uint32_t>(bytes.size()));
  out.Raw(bytes);
  return std::string(AsText(out.Take()));
}

bool FrameParser::Push(std::string_view data, const std::function<void(Bytes)>& on_frame) {
  if (failed_) return false;
  buffer_.append(data);
  size_t at = 0;
  while (buffer_.size() - at >= sizeof(uint32_t)) {
    const ByteSpan rest = AsBytes(buffer_).subspan(at);
    const uint32_t size = Reader(rest).Int<uint32_t>();
    if (size > frame_max_) {
      failed_ = true;
      return false;
    }
    if (rest.size() - sizeof(uint32_t) < size) break;
    on_frame(ToBytes(rest.subspan(sizeof(uint32_t), size)));
    at += sizeof(uint32_t) + size;
  }
  buffer_.erase(0, at);
  return true;
}

}  // namespace gonka::http
