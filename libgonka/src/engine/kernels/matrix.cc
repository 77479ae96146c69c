#include "engine/kernels/matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "gonka/base/check.h"
#include "gonka/model/tensor_type.h"

namespace gonka::engine::kernels {
namespace {

constexpr size_t kLine = 64;

size_t RoundUp(size_t value, size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

uint16_t LoadU16(const uint8_t* p) {
  uint16_t value = 0;
  std::memcpy(&value, p, sizeof(value));
  return value;
}
void StoreU16(uint8_t* p, uint16_t value) {
  std::memcpy(p, &value, sizeof(value));
}
uint32_t LoadU32(const uint8_t* p) {
  uint32_t value = 0;
  std::memcpy(&value, p, sizeof(value));
  return value;
}
void StoreU32(uint8_t* p, uint32_t value) {
  std::memcpy(p, &value, sizeof(value));
}

float HalfAt(const uint8_t* p) {
  return model::HalfToFloat(LoadU16(p));
}
bool FiniteHalf(uint16_t half) {
  return (half & 0x7C00) != 0x7C00;
}

// To the nearest, ties to even; NaN stays one.
uint16_t ToBf16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if (value != value) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

// Nibble i of column j in the panel's words.
void SetNibble(uint8_t* words, size_t input, size_t column, uint32_t nibble) {
  uint8_t* word = words + (input / 8 * kPanel + column) * 4;
  StoreU32(word, LoadU32(word) | (nibble & 15) << (4 * (input % 8)));
}
uint32_t NibbleAt(const uint8_t* words, size_t input, size_t column) {
  return LoadU32(words + (input / 8 * kPanel + column) * 4) >> (4 * (input % 8)) & 15;
}
float SignedNibble(uint32_t nibble) {
  return static_cast<float>(static_cast<int32_t>(nibble << 28) >> 28);
}

// How a GGUF block's sixteen bytes hold 32 nibbles: low halves first.
uint32_t GgufNibble(const uint8_t* bytes, size_t i) {
  return i < 16 ? bytes[i] & 15u : bytes[i - 16] >> 4;
}

struct ScaleMin {
  uint8_t scale;
  uint8_t min;
};
// Eight pairs of 6-bit numbers in twelve bytes.
ScaleMin UnpackQ4_K(const uint8_t* packed, size_t i) {
  if (i < 4) {
    return {static_cast<uint8_t>(packed[i] & 63), static_cast<uint8_t>(packed[i + 4] & 63)};
  }
  return {static_cast<uint8_t>((packed[i + 4] & 15) | (packed[i - 4] >> 6) << 4),
          static_cast<uint8_t>((packed[i + 4] >> 4) | (packed[i] >> 6) << 4)};
}

// The groups of one row's block, from the file to the panel's column.
void PackQ8_0(const uint8_t* in, size_t groups, size_t column, uint8_t* block) {
  uint8_t* values = block + BlockHeaderBytes(Format::kQ8_0, groups * kGroup);
  for (size_t g = 0; g < groups; ++g, in += 34) {
    StoreU16(block + (g * kPanel + column) * 2, LoadU16(in));
    for (size_t i = 0; i < kGroup; ++i) values[(g * kGroup + i) * kPanel + column] = in[2 + i];
  }
}
void PackQ4_0(const uint8_t* in, size_t groups, size_t column, uint8_t* block) {
  uint8_t* words = block + BlockHeaderBytes(Format::kQ4_0, groups * kGroup);
  for (size_t g = 0; g < groups; ++g, in += 18) {
    StoreU16(block + (g * kPanel + column) * 2, LoadU16(in));
    for (size_t i = 0; i < kGroup; ++i) {
      SetNibble(words, g * kGroup + i, column, GgufNibble(in + 2, i) ^ 8);  // Less 8.
    }
  }
}
void PackQ4_1(const uint8_t* in, size_t groups, size_t column, uint8_t* block) {
  uint8_t* minima = block + groups * kPanel * 2;
  uint8_t* words = block + BlockHeaderBytes(Format::kQ4_1, groups * kGroup);
  for (size_t g = 0; g < groups; ++g, in += 20) {
    StoreU16(block + (g * kPanel + column) * 2, LoadU16(in));
    StoreU16(minima + (g * kPanel + column) * 2, LoadU16(in + 2));
    for (size_t i = 0; i < kGroup; ++i) {
      SetNibble(words, g * kGroup + i, column, GgufNibble(in + 4, i));
    }
  }
}
void PackQ4_K(const uint8_t* in, size_t column, uint8_t* block) {
  StoreU16(block + column * 2, LoadU16(in));
  StoreU16(block + (kPanel + column) * 2, LoadU16(in + 2));
  uint8_t* scales = block + 2 * kPanel * 2;
  uint8_t* minima = scales + kGroupsMax * kPanel;
  uint8_t* words = block + BlockHeaderBytes(Format::kQ4_K, kBlock);
  for (size_t g = 0; g < kGroupsMax; ++g) {
    const ScaleMin packed = UnpackQ4_K(in + 4, g);
    scales[g * kPanel + column] = packed.scale;
    minima[g * kPanel + column] = packed.min;
    const uint8_t* quants = in + 16 + 32 * (g / 2);
    for (size_t i = 0; i < kGroup; ++i) {
      SetNibble(words, g * kGroup + i, column, quants[i] >> (4 * (g % 2)));
    }
  }
}

struct Stored {
  size_t values;  // In one block of the file ...
  size_t bytes;   // ... of so many bytes, ...
  size_t halves;  // ... which begins with as many scales.
};
Stored StoredAs(Format format) {
  switch (format) {
    case Format::kQ8_0:
      return {32, 34, 1};
    case Format::kQ4_0:
      return {32, 18, 1};
    case Format::kQ4_1:
      return {32, 20, 2};
    default:
      return {256, 144, 2};
  }
}

}  // namespace

const char* FormatName(Format format) {
  constexpr const char* kNames[] = {"f32", "bf16", "int8", "q8_0", "q4_0", "q4_1", "q4_k"};
  return kNames[static_cast<size_t>(format)];
}

size_t BlockHeaderBytes(Format format, size_t inputs) {
  const size_t groups = inputs / kGroup;
  switch (format) {
    case Format::kQ8_0:
    case Format::kQ4_0:
      return groups * kPanel * 2;
    case Format::kQ4_1:
      return groups * kPanel * 4;
    case Format::kQ4_K:
      return 2 * kPanel * 2 + groups * kPanel * 2;
    default:
      return 0;
  }
}

size_t BlockBytes(Format format, size_t inputs) {
  size_t values = 0;
  switch (format) {
    case Format::kF32:
      values = inputs * kPanel * 4;
      break;
    case Format::kBf16:
      values = (inputs + 1) / 2 * kPanel * 4;
      break;
    case Format::kInt8:
    case Format::kQ8_0:
      values = inputs * kPanel;
      break;
    default:
      values = inputs / 8 * kPanel * 4;
  }
  return RoundUp(BlockHeaderBytes(format, inputs) + values, kLine);
}

void FreeAligned::operator()(void* memory) const {
  std::free(memory);
}

Aligned<uint8_t> AllocateBytes(size_t bytes) {
  const size_t size = RoundUp(std::max<size_t>(bytes, 1), kLine);
  void* memory = std::aligned_alloc(kLine, size);
  if (memory != nullptr) std::memset(memory, 0, size);
  return Aligned<uint8_t>(static_cast<uint8_t*>(memory));
}

Aligned<float> AllocateFloats(size_t count) {
  return Aligned<float>(reinterpret_cast<float*>(AllocateBytes(count * sizeof(float)).release()));
}

absl::StatusOr<Matrix> Matrix::Create(Format format, size_t outputs, size_t inputs) {
  const size_t unit = format == Format::kQ4_K ? kBlock : IsGrouped(format) ? kGroup : 1;
  if (outputs == 0 || inputs == 0 || inputs % unit != 0) {
    return absl::InvalidArgumentError(
        fmt::format("a matrix of {} x {} cannot be {}: rows are multiples of {}", outputs, inputs,
                    FormatName(format), unit));
  }
  Matrix matrix;
  matrix.format_ = format;
  matrix.outputs_ = outputs;
  matrix.inputs_ = inputs;
  matrix.panels_ = RoundUp(outputs, 2 * kPanel) / kPanel;
  matrix.full_block_bytes_ = BlockBytes(format, kBlock);
  matrix.panel_bytes_ = inputs / kBlock * matrix.full_block_bytes_;
  if (inputs % kBlock != 0) matrix.panel_bytes_ += BlockBytes(format, inputs % kBlock);
  matrix.data_ = AllocateBytes(matrix.panels_ * matrix.panel_bytes_);
  if (matrix.data_ == nullptr) {
    return absl::ResourceExhaustedError(
        fmt::format("no memory for {} bytes of weights", matrix.panels_ * matrix.panel_bytes_));
  }
  if (format == Format::kInt8) matrix.scales_.assign(matrix.stride(), 0.0f);
  return matrix;
}

// The scale is the largest magnitude over 127; each weight the nearest multiple of it.
void Matrix::SetInt8Row(size_t output, std::span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::abs(value) > largest ? std::abs(value) : largest;
  const float scale = largest / 127.0f;
  scales_[output] = scale;
  for (size_t k = 0; k < inputs_; ++k) {
    const float ratio = scale > 0 ? values[k] / scale : 0.0f;
    const float bounded = ratio > 127 ? 127.0f : ratio > -127 ? ratio : -127.0f;  // NaN is -127.
    // Adding and taking off 1.5 * 2^23 rounds to the nearest whole number, ties to even.
    const float rounded = (bounded + 12582912.0f) - 12582912.0f;
    MutableBlock(output, k / kBlock)[k % kBlock * kPanel + output % kPanel] =
        static_cast<uint8_t>(static_cast<int8_t>(rounded));
  }
}

void Matrix::SetRows(size_t first, std::span<const float> values) {
  GONKA_CHECK(!IsGrouped(format_) && values.size() % inputs_ == 0);
  const size_t rows = values.size() / inputs_;
  GONKA_CHECK(first + rows <= outputs_);
  for (size_t r = 0; r < rows; ++r) {
    const std::span<const float> row = values.subspan(r * inputs_, inputs_);
    const size_t output = first + r;
    const size_t column = output % kPanel;
    if (format_ == Format::kInt8) {
      SetInt8Row(output, row);
      continue;
    }
    for (size_t k = 0; k < inputs_; ++k) {
      uint8_t* block = MutableBlock(output, k / kBlock);
      const size_t i = k % kBlock;
      if (format_ == Format::kF32) {
        std::memcpy(block + (i * kPanel + column) * 4, &row[k], 4);
      } else {
        StoreU16(block + (i / 2 * kPanel + column) * 4 + i % 2 * 2, ToBf16(row[k]));
      }
    }
  }
}

absl::Status Matrix::SetStoredRows(size_t first, ByteSpan stored) {
  const Stored shape = StoredAs(format_);
  const size_t row_bytes = inputs_ / shape.values * shape.bytes;
  GONKA_CHECK(IsGrouped(format_) && stored.size() % row_bytes == 0);
  const size_t rows = stored.size() / row_bytes;
  GONKA_CHECK(first + rows <= outputs_);
  for (size_t r = 0; r < rows; ++r) {
    const uint8_t* row = stored.data() + r * row_bytes;
    for (size_t at = 0; at < row_bytes; at += shape.bytes) {
      for (size_t h = 0; h < shape.halves; ++h) {
        if (FiniteHalf(LoadU16(row + at + 2 * h))) continue;
        return absl::InvalidArgumentError(
            fmt::format("row {} has a scale that is not a finite number, in the group of weight {}",
                        first + r, at / shape.bytes * shape.values));
      }
    }
    const size_t column = (first + r) % kPanel;
    for (size_t b = 0; b * kBlock < inputs_; ++b) {
      uint8_t* block = MutableBlock(first + r, b);
      const uint8_t* in = row + b * kBlock / shape.values * shape.bytes;
      const size_t groups = InputsOf(b) / kGroup;
      if (format_ == Format::kQ8_0) PackQ8_0(in, groups, column, block);
      if (format_ == Format::kQ4_0) PackQ4_0(in, groups, column, block);
      if (format_ == Format::kQ4_1) PackQ4_1(in, groups, column, block);
      if (format_ == Format::kQ4_K) PackQ4_K(in, column, block);
    }
  }
  return absl::OkStatus();
}

void Matrix::ReadRow(size_t output, std::span<float> out) const {
  GONKA_CHECK(output < outputs_ && out.size() == inputs_);
  const size_t column = output % kPanel;
  for (size_t k = 0; k < inputs_; ++k) {
    const uint8_t* block = Block(output / kPanel, k / kBlock);
    const size_t inputs = InputsOf(k / kBlock);
    const size_t groups = inputs / kGroup;
    const size_t i = k % kBlock;
    const size_t g = i / kGroup;
    const uint8_t* values = block + BlockHeaderBytes(format_, inputs);
    const auto half = [&](size_t index) { return HalfAt(block + (index * kPanel + column) * 2); };
    const auto byte = [&] {
      return static_cast<float>(static_cast<int8_t>(values[i * kPanel + column]));
    };
    switch (format_) {
      case Format::kF32:
        std::memcpy(&out[k], values + (i * kPanel + column) * 4, 4);
        break;
      case Format::kBf16:
        out[k] = std::bit_cast<float>(
            uint32_t{LoadU16(values + (i / 2 * kPanel + column) * 4 + i % 2 * 2)} << 16);
        break;
      case Format::kInt8:
        out[k] = byte() * scales_[output];
        break;
      case Format::kQ8_0:
        out[k] = byte() * half(g);
        break;
      case Format::kQ4_0:
        out[k] = SignedNibble(NibbleAt(values, i, column)) * half(g);
        break;
      case Format::kQ4_1:
        out[k] = static_cast<float>(NibbleAt(values, i, column)) * half(g) + half(groups + g);
        break;
      case Format::kQ4_K: {
        const uint8_t* scales = block + 2 * kPanel * 2;
        const float d = half(0) * static_cast<float>(scales[g * kPanel + column]);
        const float m = half(1) * static_cast<float>(scales[(groups + g) * kPanel + column]);
        out[k] = static_cast<float>(NibbleAt(values, i, column)) * d - m;
        break;
      }
    }
  }
}

}  // namespace gonka::engine::kernels
