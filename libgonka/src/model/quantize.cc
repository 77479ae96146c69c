#include "gonka/model/quantize.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "fmt/format.h"

namespace gonka::model {
namespace {

constexpr uint16_t kHalfInfinity = 0x7C00;
constexpr size_t kBlock = 32;

// False where the number is beyond the type.
bool PutHalf(float value, uint8_t* out) {
  const uint16_t half = FloatToHalf(value);
  out[0] = static_cast<uint8_t>(half);
  out[1] = static_cast<uint8_t>(half >> 8);
  return (half & kHalfInfinity) != kHalfInfinity;
}

bool F32(const float* in, uint8_t* out) {
  const auto bits = std::bit_cast<uint32_t>(*in);
  for (int i = 0; i < 4; ++i) out[i] = static_cast<uint8_t>(bits >> (8 * i));
  return std::isfinite(*in);
}

bool F16(const float* in, uint8_t* out) {
  return PutHalf(*in, out);
}

bool Bf16(const float* in, uint8_t* out) {
  const auto bits = std::bit_cast<uint32_t>(*in);
  const uint32_t rounded = bits + 0x7FFF + (bits >> 16 & 1);
  out[0] = static_cast<uint8_t>(rounded >> 16);
  out[1] = static_cast<uint8_t>(rounded >> 24);
  return std::isfinite(std::bit_cast<float>(rounded & 0xFFFF0000));
}

float Inverse(float scale) {
  return scale == 0 ? 0 : 1 / scale;
}

// d, then 32 signed bytes: the largest becomes 127.
bool Q8_0(const float* in, uint8_t* out) {
  float largest = 0;
  for (size_t i = 0; i < kBlock; ++i) largest = std::max(largest, std::fabs(in[i]));
  const float d = largest / 127;
  const float inverse = Inverse(d);
  for (size_t i = 0; i < kBlock; ++i) {
    out[2 + i] = static_cast<uint8_t>(static_cast<int8_t>(std::round(in[i] * inverse)));
  }
  return PutHalf(d, out);
}

// d, then nibbles plus 8: the number that is farthest from 0 becomes -8. Low nibbles are values
// 0-15.
bool Q4_0(const float* in, uint8_t* out) {
  float farthest = 0;
  for (size_t i = 0; i < kBlock; ++i) {
    if (std::fabs(in[i]) > std::fabs(farthest)) farthest = in[i];
  }
  const float d = farthest / -8;
  const double inverse = Inverse(d);
  const auto nibble = [&](float value) {
    const auto shifted = static_cast<float>(double{value} * inverse + 8.5);
    return static_cast<uint8_t>(std::clamp(std::trunc(shifted), 0.0F, 15.0F));
  };
  for (size_t i = 0; i < kBlock / 2; ++i) {
    out[2 + i] = static_cast<uint8_t>(nibble(in[i]) | nibble(in[i + kBlock / 2]) << 4);
  }
  return PutHalf(d, out);
}

using EncodeBlock = bool (*)(const float*, uint8_t*);

EncodeBlock EncoderOf(TensorType type) {
  switch (type) {
    case TensorType::kF32:
      return F32;
    case TensorType::kF16:
      return F16;
    case TensorType::kBF16:
      return Bf16;
    case TensorType::kQ8_0:
      return Q8_0;
    case TensorType::kQ4_0:
      return Q4_0;
    default:
      return nullptr;
  }
}

}  // namespace

bool CanQuantize(TensorType type) {
  return EncoderOf(type) != nullptr;
}

uint16_t FloatToHalf(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000);
  const uint32_t magnitude = bits & 0x7FFFFFFF;
  if (magnitude > 0x7F800000) return sign | 0x7E00;
  if (magnitude >= 0x477FF000) return sign | kHalfInfinity;  // 65520 rounds up to it.
  if (magnitude >= 0x38800000) {
    const uint32_t rounded = magnitude + 0xFFF + (magnitude >> 13 & 1);
    return static_cast<uint16_t>(sign | (rounded - 0x38000000) >> 13);
  }
  // Multiples of 2^-24: adding 0.5 leaves just these bits, rounded.
  const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
  return static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3F000000));
}

absl::Status Quantize(TensorType type, std::span<const float> values, std::span<uint8_t> out) {
  const EncodeBlock encode = EncoderOf(type);
  if (encode == nullptr) {
    return absl::InvalidArgumentError(
        fmt::format("type {} can be read, but not written", TensorTypeName(type)));
  }
  const BlockShape block = BlockOf(type);
  if (values.size() % block.values != 0 ||
      out.size() != values.size() / block.values * block.bytes) {
    return absl::InvalidArgumentError(
        fmt::format("{} values do not fit {} bytes of type {} (blocks of {} values in {} bytes)",
                    values.size(), out.size(), TensorTypeName(type), block.values, block.bytes));
  }
  for (size_t i = 0; i < values.size() / block.values; ++i) {
    if (!encode(values.data() + i * block.values, out.data() + i * block.bytes)) {
      return absl::OutOfRangeError(fmt::format("a value near {} is beyond type {}",
                                               values[i * block.values], TensorTypeName(type)));
    }
  }
  return absl::OkStatus();
}

}  // namespace gonka::model
