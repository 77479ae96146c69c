#pragma once

// A weight matrix as the kernels read it: panels of 16 outputs, in the narrow form of its format,
// so that a panel is one stream through memory. doc/kernels.md says what its numbers mean; nothing
// there depends on this layout.
//
// A panel consists of blocks of 256 inputs (the last one may be shorter), each padded to 64 bytes:
//   f32    [k][16] float
//   bf16   [k/2][16] words: input k in the low half, k + 1 in the high half
//   int8   [k][16] int8; the scales, one an output, stand apart
//   q8_0   [groups][16] half d, then [k][16] int8
//   q4_0   [groups][16] half d, then [k/8][16] words of eight nibbles, two's complement
//   q4_1   [groups][16] half d, [groups][16] half m, then [k/8][16] words of eight nibbles
//   q4_k   [16] half d, [16] half dmin, [groups][16] scales, [groups][16] minima, then as q4_1

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"

namespace gonka::engine::kernels {

inline constexpr size_t kPanel = 16;   // Outputs side by side.
inline constexpr size_t kBlock = 256;  // Inputs whose sum is finished before the next one begins.
inline constexpr size_t kGroup = 32;   // Inputs that share a scale, in the grouped formats.
inline constexpr size_t kGroupsMax = kBlock / kGroup;

enum class Format : uint8_t { kF32, kBf16, kInt8, kQ8_0, kQ4_0, kQ4_1, kQ4_K };
constexpr bool IsGrouped(Format format) {
  return format >= Format::kQ8_0;
}
// Whether a group has a minimum beside its scale.
constexpr bool HasMinimum(Format format) {
  return format == Format::kQ4_1 || format == Format::kQ4_K;
}
const char* FormatName(Format format);  // "q4_1"

// Of one panel's block of `inputs` inputs: before the values, and in all.
size_t BlockHeaderBytes(Format format, size_t inputs);
size_t BlockBytes(Format format, size_t inputs);

struct FreeAligned {
  void operator()(void* memory) const;
};
template <class T>
using Aligned = std::unique_ptr<T[], FreeAligned>;  // At 64 bytes.
// Null where there is no memory. Zeroed.
Aligned<uint8_t> AllocateBytes(size_t bytes);
Aligned<float> AllocateFloats(size_t count);

class Matrix {
 public:
  Matrix() = default;
  // All zeros. InvalidArgument where the format's groups do not divide the inputs,
  // ResourceExhausted where there is no memory.
  static absl::StatusOr<Matrix> Create(Format format, size_t outputs, size_t inputs);

  // Rows of `inputs` numbers each, from output `first` on, for f32, bf16 (rounded to the nearest,
  // ties to even) and int8 (see doc/kernels.md).
  void SetRows(size_t first, std::span<const float> values);
  // Rows as a GGUF file stores them, for the grouped formats. InvalidArgument where a scale is not
  // finite.
  absl::Status SetStoredRows(size_t first, ByteSpan stored);

  // The numbers of one output, as doc/kernels.md defines them. out has `inputs` elements.
  void ReadRow(size_t output, std::span<float> out) const;

  Format format() const { return format_; }
  size_t outputs() const { return outputs_; }
  size_t inputs() const { return inputs_; }
  size_t panels() const { return panels_; }  // Even: missing outputs are zeros.
  size_t stride() const { return panels_ * kPanel; }
  size_t bytes() const { return panels_ * panel_bytes_ + scales_.size() * sizeof(float); }
  // A block of a panel; the next panel's lies panel_bytes() further.
  const uint8_t* Block(size_t panel, size_t block) const {
    return data_.get() + panel * panel_bytes_ + block * full_block_bytes_;
  }
  size_t panel_bytes() const { return panel_bytes_; }
  const float* scales() const { return scales_.data(); }  // int8 alone.

 private:
  uint8_t* MutableBlock(size_t output, size_t block) {
    return data_.get() + output / kPanel * panel_bytes_ + block * full_block_bytes_;
  }
  size_t InputsOf(size_t block) const { return std::min(kBlock, inputs_ - block * kBlock); }
  void SetInt8Row(size_t output, std::span<const float> values);

  Format format_ = Format::kF32;
  size_t outputs_ = 0;
  size_t inputs_ = 0;
  size_t panels_ = 0;
  size_t full_block_bytes_ = 0;
  size_t panel_bytes_ = 0;
  Aligned<uint8_t> data_;
  std::vector<float> scales_;
};

}  // namespace gonka::engine::kernels
