#pragma once

// Packs small integers without gaps, lowest bit first.

#include "gonka/base/bytes.h"

namespace gonka::verify::internal {

class BitWriter {
 public:
  void Put(uint32_t value, uint32_t bits) {
    for (uint32_t i = 0; i < bits; ++i, ++used_) {
      if (used_ % 8 == 0) out_.push_back(0);
      if (value >> i & 1) out_.back() = static_cast<uint8_t>(out_.back() | 1u << used_ % 8);
    }
  }
  Bytes Take() { return std::move(out_); }

 private:
  Bytes out_;
  size_t used_ = 0;
};

class BitReader {
 public:
  explicit BitReader(ByteSpan in) : in_(in) {}

  // Zero, and failed, where fewer bits are left.
  uint32_t Get(uint32_t bits) {
    if (used_ + bits > in_.size() * 8) failed_ = true;
    if (failed_) return 0;
    uint32_t value = 0;
    for (uint32_t i = 0; i < bits; ++i, ++used_) {
      value |= uint32_t{in_[used_ / 8]} >> used_ % 8 << 31 >> (31 - i);
    }
    return value;
  }
  bool failed() const { return failed_; }
  // Nothing left but zeros that fill up the last byte.
  bool AtCanonicalEnd() {
    const size_t left = in_.size() * 8 - used_;
    return !failed_ && left < 8 && Get(static_cast<uint32_t>(left)) == 0;
  }

 private:
  ByteSpan in_;
  size_t used_ = 0;
  bool failed_ = false;
};

}  // namespace gonka::verify::internal
