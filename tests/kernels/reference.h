#pragma once

// cpu-exact/1 once more, from doc/kernels.md: loops and std::fma, as slow and as plain as can be.
// Shares no code with the kernels; reads weights as a file stores them.

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace gonka::reference {

using Row = std::vector<float>;

// ---- sums -------------------------------------------------------------------------------------

inline float Tree16(float (&lanes)[16]) {
  for (int width = 8; width > 0; width /= 2) {
    for (int l = 0; l < width; ++l) lanes[l] = lanes[l] + lanes[l + width];
  }
  return lanes[0];
}

// Blocks of 256, each a chain from +0, added in order.
template <class Weight>
float Dot(size_t count, Weight weight, const float* x) {
  float total = 0;
  for (size_t begin = 0; begin < count; begin += 256) {
    float sum = 0;
    for (size_t k = begin; k < count && k < begin + 256; ++k) sum = std::fma(weight(k), x[k], sum);
    total = begin == 0 ? sum : total + sum;
  }
  return total;
}

// ---- weights ----------------------------------------------------------------------------------

// One group of 32 as a GGUF file's row gives it: whole numbers, scale, minimum.
struct Group {
  float q[32];
  float d;
  float m;
};

inline float Half(const uint8_t* p) {
  const unsigned bits = p[0] | p[1] << 8;
  const int exponent = static_cast<int>(bits >> 10 & 31);
  const float mantissa = static_cast<float>(bits & 1023);
  const float magnitude =
      exponent == 0 ? std::ldexp(mantissa, -24) : std::ldexp(1024 + mantissa, exponent - 25);
  return bits >> 15 ? -magnitude : magnitude;
}

enum class Kind { kQ8_0, kQ4_0, kQ4_1, kQ4_K };

inline std::vector<Group> Groups(Kind kind, const uint8_t* in, size_t inputs) {
  std::vector<Group> groups(inputs / 32);
  for (size_t g = 0; g < groups.size(); ++g) {
    Group& group = groups[g];
    group.m = 0;
    if (kind == Kind::kQ4_K) {
      const uint8_t* block = in + g / 8 * 144;
      const size_t i = g % 8;
      const uint8_t* s = block + 4;
      const int scale = i < 4 ? s[i] & 63 : (s[i + 4] & 15) | (s[i - 4] >> 6) << 4;
      const int min = i < 4 ? s[i + 4] & 63 : (s[i + 4] >> 4) | (s[i] >> 6) << 4;
      group.d = Half(block) * static_cast<float>(scale);
      group.m = -(Half(block + 2) * static_cast<float>(min));
      for (size_t k = 0; k < 32; ++k) {
        group.q[k] = static_cast<float>(block[16 + i / 2 * 32 + k] >> (4 * (i % 2)) & 15);
      }
      continue;
    }
    const size_t header = kind == Kind::kQ4_1 ? 4 : 2;
    const uint8_t* block = in + g * (kind == Kind::kQ8_0 ? 34 : header + 16);
    group.d = Half(block);
    if (kind == Kind::kQ4_1) group.m = Half(block + 2);
    for (size_t k = 0; k < 32; ++k) {
      if (kind == Kind::kQ8_0) {
        group.q[k] = static_cast<float>(static_cast<int8_t>(block[2 + k]));
        continue;
      }
      const int nibble = k < 16 ? block[header + k] & 15 : block[header + k - 16] >> 4;
      group.q[k] = static_cast<float>(kind == Kind::kQ4_0 ? nibble - 8 : nibble);
    }
  }
  return groups;
}

inline float DotGroups(const std::vector<Group>& groups, bool minimum, const float* x) {
  float total = 0;
  for (size_t begin = 0; begin < groups.size(); begin += 8) {
    float sum = 0;
    for (size_t g = begin; g < groups.size() && g < begin + 8; ++g) {
      float part = 0;
      for (size_t k = 0; k < 32; ++k) part = std::fma(groups[g].q[k], x[g * 32 + k], part);
      sum = std::fma(groups[g].d, part, sum);
      if (!minimum) continue;
      float lanes[16];
      for (size_t l = 0; l < 16; ++l) lanes[l] = x[g * 32 + l] + x[g * 32 + 16 + l];
      sum = std::fma(groups[g].m, Tree16(lanes), sum);
    }
    total = begin == 0 ? sum : total + sum;
  }
  return total;
}

inline float NearestBf16(float value) {
  uint32_t bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return value;
  const uint32_t rest = bits & 0xFFFF;
  bits &= 0xFFFF0000;
  if (rest > 0x8000 || (rest == 0x8000 && (bits & 0x10000))) bits += 0x10000;
  return std::bit_cast<float>(bits);
}

struct Int8Row {
  Row q;
  float scale;
};
inline Int8Row ToInt8(const Row& row) {
  float largest = 0;
  for (const float w : row) largest = std::fmax(largest, std::fabs(w));
  Int8Row out{Row(row.size()), largest / 127.0f};
  for (size_t k = 0; k < row.size(); ++k) {
    out.q[k] = out.scale > 0 ? std::nearbyint(row[k] / out.scale) + 0.0f : 0.0f;  // Never -0.
  }
  return out;
}

// ---- functions --------------------------------------------------------------------------------

inline float Exp(float x) {
  if (x < -104.0f) x = -104.0f;
  if (x > 89.0f) x = 89.0f;
  const float z = std::fma(x, 0x1.715476p+0f, 12582912.0f);
  const float n = z - 12582912.0f;
  float r = std::fma(n, -0x1.63p-1f, x);
  r = std::fma(n, 0x1.bd0106p-13f, r);
  float p = 0x1.a0d2cep-13f;
  p = std::fma(p, r, 0x1.6e879cp-10f);
  p = std::fma(p, r, 0x1.11121p-7f);
  p = std::fma(p, r, 0x1.555382p-5f);
  p = std::fma(p, r, 0x1.555554p-3f);
  p = std::fma(p, r, 0.5f);
  p = std::fma(p, r * r, r) + 1.0f;
  if (std::isnan(p)) return p;
  const int k = static_cast<int>(n);
  const int low = k >= 0 ? k / 2 : -((1 - k) / 2);  // Rounded down.
  return p * std::ldexp(1.0f, low) * std::ldexp(1.0f, k - low);
}

inline float Silu(float g) {
  return g / (1.0f + Exp(-g));
}

inline Row RmsNorm(const Row& x, const Row& weight, float eps) {
  float lanes[16] = {};
  for (size_t i = 0; i < x.size(); ++i) lanes[i % 16] = std::fma(x[i], x[i], lanes[i % 16]);
  const float mean = Tree16(lanes) / static_cast<float>(x.size());
  const float factor = 1.0f / std::sqrt(mean + eps);
  Row out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = (x[i] * factor) * weight[i];
  return out;
}

// e^(score - largest) in place; returns their sum.
inline float Softmax(Row& scores) {
  float largest = -std::numeric_limits<float>::infinity();
  for (const float s : scores) largest = s > largest ? s : largest;
  float lanes[16] = {};
  for (size_t t = 0; t < scores.size(); ++t) {
    scores[t] = Exp(scores[t] - largest);
    lanes[t % 16] = lanes[t % 16] + scores[t];
  }
  return Tree16(lanes);
}

// One query over the keys and values of the tokens [begin, end), each of dim numbers.
struct Window {
  size_t begin;
  size_t end;
};
inline Row Attend(const float* query, const std::vector<Row>& keys, const std::vector<Row>& values,
                  Window seen, float scale) {
  const size_t dim = keys[0].size();
  Row weights;
  for (size_t t = seen.begin; t < seen.end; ++t) {
    const float score = Dot(
        dim, [&](size_t d) { return keys[t][d]; }, query);
    weights.push_back(score * scale);
  }
  const float sum = Softmax(weights);
  Row out(dim);
  for (size_t d = 0; d < dim; ++d) {
    float total = 0;
    bool first = true;
    for (size_t t = seen.begin; t < seen.end;) {
      float part = 0;  // Up to the end of a block of 256, counted from the sequence's first token.
      do {
        part = std::fma(values[t][d], weights[t - seen.begin], part);
        ++t;
      } while (t < seen.end && t % 256 != 0);
      total = first ? part : total + part;
      first = false;
    }
    out[d] = total / sum;
  }
  return out;
}

}  // namespace gonka::reference
