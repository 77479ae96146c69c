#include "gonka/base/codec.h"

namespace gonka {

ByteSpan Reader::Raw(size_t size) {
  if (failed_ || size > in_.size()) {
    failed_ = true;
    return {};
  }
  const ByteSpan raw = in_.first(size);
  in_ = in_.subspan(size);
  return raw;
}

}  // namespace gonka
