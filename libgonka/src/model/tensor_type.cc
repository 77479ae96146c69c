#include "gonka/model/tensor_type.h"

#include <bit>
#include <cstring>

#include "fmt/format.h"

namespace gonka::model {
namespace {

struct TypeInfo {
  TensorType type;
  std::string_view name;
  BlockShape block;
};

constexpr TypeInfo kTypes[] = {
    {TensorType::kF32, "F32", {1, 4}},       {TensorType::kF16, "F16", {1, 2}},
    {TensorType::kQ4_0, "Q4_0", {32, 18}},   {TensorType::kQ4_1, "Q4_1", {32, 20}},
    {TensorType::kQ8_0, "Q8_0", {32, 34}},   {TensorType::kQ4_K, "Q4_K", {256, 144}},
    {TensorType::kQ6_K, "Q6_K", {256, 210}}, {TensorType::kBF16, "BF16", {1, 2}},
};

const TypeInfo* Find(TensorType type) {
  for (const TypeInfo& info : kTypes) {
    if (info.type == type) return &info;
  }
  return nullptr;
}

uint16_t U16(const uint8_t* p) {
  return static_cast<uint16_t>(p[0] | p[1] << 8);
}

float Half(const uint8_t* p) {
  return HalfToFloat(U16(p));
}

void F32Block(const uint8_t* in, float* out) {
  const uint32_t bits = uint32_t{U16(in)} | uint32_t{U16(in + 2)} << 16;
  *out = std::bit_cast<float>(bits);
}

void Bf16Block(const uint8_t* in, float* out) {
  *out = std::bit_cast<float>(uint32_t{U16(in)} << 16);
}

// d, then 16 bytes: low nibbles are values 0-15, high nibbles 16-31, both less 8.
void Q4_0Block(const uint8_t* in, float* out) {
  const float d = Half(in);
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>((in[2 + i] & 15) - 8) * d;
    out[i + 16] = static_cast<float>((in[2 + i] >> 4) - 8) * d;
  }
}

// d, m, then nibbles as above: value = q * d + m.
void Q4_1Block(const uint8_t* in, float* out) {
  const float d = Half(in);
  const float m = Half(in + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = static_cast<float>(in[4 + i] & 15) * d + m;
    out[i + 16] = static_cast<float>(in[4 + i] >> 4) * d + m;
  }
}

void Q8_0Block(const uint8_t* in, float* out) {
  const float d = Half(in);
  for (int i = 0; i < 32; ++i) out[i] = static_cast<float>(static_cast<int8_t>(in[2 + i])) * d;
}

struct ScaleMin {
  int scale;
  int min;
};

// Eight pairs of 6-bit numbers packed into twelve bytes.
ScaleMin UnpackQ4_K(const uint8_t* packed, int i) {
  if (i < 4) return {packed[i] & 63, packed[i + 4] & 63};
  return {(packed[i + 4] & 15) | (packed[i - 4] >> 6) << 4, (packed[i + 4] >> 4) | (packed[i] >> 6)
                                                                                       << 4};
}

// d, dmin, 12 bytes of scales and mins, 128 bytes of nibbles: eight groups of 32 values.
void Q4_KBlock(const uint8_t* in, float* out) {
  const float d = Half(in);
  const float dmin = Half(in + 2);
  const uint8_t* quants = in + 16;
  for (int group = 0; group < 8; ++group) {
    const ScaleMin packed = UnpackQ4_K(in + 4, group);
    const float scale = d * static_cast<float>(packed.scale);
    const float min = dmin * static_cast<float>(packed.min);
    const uint8_t* q = quants + 32 * (group / 2);
    const int shift = 4 * (group % 2);
    for (int i = 0; i < 32; ++i) {
      out[32 * group + i] = scale * static_cast<float>((q[i] >> shift) & 15) - min;
    }
  }
}

// 128 bytes of low nibbles, 64 of high bit pairs, 16 signed scales, d.
void Q6_KBlock(const uint8_t* in, float* out) {
  const float d = Half(in + 208);
  for (int half = 0; half < 2; ++half) {
    const uint8_t* low = in + 64 * half;
    const uint8_t* high = in + 128 + 32 * half;
    const uint8_t* scales = in + 192 + 8 * half;
    for (int quarter = 0; quarter < 4; ++quarter) {
      for (int i = 0; i < 32; ++i) {
        const int nibble = (low[i + 32 * (quarter % 2)] >> (4 * (quarter / 2))) & 15;
        const int q = (nibble | ((high[i] >> (2 * quarter)) & 3) << 4) - 32;
        const auto scale = static_cast<int8_t>(scales[i / 16 + 2 * quarter]);
        out[128 * half + 32 * quarter + i] = d * static_cast<float>(scale) * static_cast<float>(q);
      }
    }
  }
}

template <class DecodeBlock>
void EachBlock(BlockShape block, ByteSpan bytes, std::span<float> out, DecodeBlock decode) {
  const size_t blocks = out.size() / block.values;
  for (size_t i = 0; i < blocks; ++i) {
    decode(bytes.data() + i * block.bytes, out.data() + i * block.values);
  }
}

}  // namespace

std::optional<TensorType> TensorTypeFromGgml(uint32_t number) {
  const auto type = static_cast<TensorType>(number);
  if (Find(type) == nullptr) return std::nullopt;
  return type;
}

std::string_view TensorTypeName(TensorType type) {
  const TypeInfo* info = Find(type);
  return info == nullptr ? "unknown" : info->name;
}

BlockShape BlockOf(TensorType type) {
  const TypeInfo* info = Find(type);
  return info == nullptr ? BlockShape{} : info->block;
}

float HalfToFloat(uint16_t half) {
  const uint32_t sign = uint32_t{half & 0x8000u} << 16;
  const uint32_t exponent = (half >> 10) & 31;
  const uint32_t mantissa = half & 0x3FF;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7F800000u | mantissa << 13);
  if (exponent == 0) {
    // Zero, or mantissa * 2^-24, which a float holds exactly.
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
  }
  return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
}

absl::Status Dequantize(TensorType type, ByteSpan bytes, std::span<float> out) {
  const BlockShape block = BlockOf(type);
  if (out.size() % block.values != 0 || bytes.size() != out.size() / block.values * block.bytes) {
    return absl::InvalidArgumentError(
        fmt::format("{} bytes of type {} cannot hold {} values (blocks of {} values in {} bytes)",
                    bytes.size(), TensorTypeName(type), out.size(), block.values, block.bytes));
  }
  switch (type) {
    case TensorType::kF32:
      EachBlock(block, bytes, out, F32Block);
      return absl::OkStatus();
    case TensorType::kF16:
      EachBlock(block, bytes, out, [](const uint8_t* in, float* value) { *value = Half(in); });
      return absl::OkStatus();
    case TensorType::kBF16:
      EachBlock(block, bytes, out, Bf16Block);
      return absl::OkStatus();
    case TensorType::kQ4_0:
      EachBlock(block, bytes, out, Q4_0Block);
      return absl::OkStatus();
    case TensorType::kQ4_1:
      EachBlock(block, bytes, out, Q4_1Block);
      return absl::OkStatus();
    case TensorType::kQ8_0:
      EachBlock(block, bytes, out, Q8_0Block);
      return absl::OkStatus();
    case TensorType::kQ4_K:
      EachBlock(block, bytes, out, Q4_KBlock);
      return absl::OkStatus();
    case TensorType::kQ6_K:
      EachBlock(block, bytes, out, Q6_KBlock);
      return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      fmt::format("tensor type {} is unknown", static_cast<uint32_t>(type)));
}

}  // namespace gonka::model
