#include "gonka/base/codec.h"

#include <algorithm>

namespace gonka {

Bytes Writer::Take() {
  Bytes out;
  if (data_ == short_.data()) {
    out.assign(data_, data_ + size_);
  } else {
    long_.resize(size_);
    out = std::move(long_);
    long_.clear();
  }
  data_ = short_.data();
  size_ = 0;
  capacity_ = short_.size();
  return out;
}

void Writer::Grow(size_t size) {
  Bytes larger(std::max(2 * capacity_, size_ + size));
  std::memcpy(larger.data(), data_, size_);
  long_ = std::move(larger);
  data_ = long_.data();
  capacity_ = long_.size();
}

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
