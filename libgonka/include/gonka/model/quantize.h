#pragma once

// From floats to the narrow types of tensors: GGML's reference, to the bit, on every machine.

#include <span>

#include "gonka/base/status.h"
#include "gonka/model/tensor_type.h"

namespace gonka::model {

// F32, F16, BF16, Q8_0 and Q4_0 can be written; the other types can only be read.
bool CanQuantize(TensorType type);

// values are whole blocks, and out has exactly their size. InvalidArgument for other types and
// sizes; OutOfRange where a value, or the scale of a block, is beyond what the type can hold.
absl::Status Quantize(TensorType type, std::span<const float> values, std::span<uint8_t> out);

uint16_t FloatToHalf(float value);  // IEEE binary16, to the nearest, ties to even.

}  // namespace gonka::model
