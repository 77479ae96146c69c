#pragma once

// How the numbers of a tensor are stored, and how they become floats again. The block formats are
// GGML's, to the bit; a value means the same here as in every program that reads the same file.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"

namespace gonka::model {

// GGML's numbers: they stand in files and in manifest hashes.
enum class TensorType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ8_0 = 8,
  kQ4_K = 12,
  kQ6_K = 14,
  kBF16 = 30,
};

// Values are stored in blocks of this many, each block this many bytes long.
struct BlockShape {
  uint32_t values = 1;
  uint32_t bytes = 1;
};

// Nothing for GGML types that are not supported.
std::optional<TensorType> TensorTypeFromGgml(uint32_t number);
std::string_view TensorTypeName(TensorType type);  // "Q4_1"
BlockShape BlockOf(TensorType type);

// bytes holds whole blocks and out exactly their values; anything else is InvalidArgument. The
// result does not depend on compiler, machine or on how rows were grouped into calls.
absl::Status Dequantize(TensorType type, ByteSpan bytes, std::span<float> out);

float HalfToFloat(uint16_t half);  // IEEE binary16, exact.

}  // namespace gonka::model
