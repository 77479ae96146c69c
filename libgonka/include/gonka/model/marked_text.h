#pragma once

// Text of which some bytes are trusted: written by the author of the checkpoint's chat template,
// not by whoever wrote the messages. Only within trusted bytes are special tokens recognised, so
// that a message saying "<|im_end|>" stays a message.

#include <cstddef>
#include <string>
#include <vector>

namespace gonka::model {

struct ByteRange {
  size_t begin = 0;
  size_t end = 0;  // One past the last.

  bool operator==(const ByteRange&) const = default;
};

struct MarkedText {
  std::string text;
  std::vector<ByteRange> trusted;  // Ascending, not empty, not touching.

  bool operator==(const MarkedText&) const = default;
};

}  // namespace gonka::model
