#include "engine/kernels/rotary.h"

namespace gonka::engine::kernels {
namespace {

struct CosSin {
  double cos;
  double sin;
};

// For 0 <= angle < 2^20: a quarter turn is taken off q times in three parts of 33 bits, of which
// the first two products are exact; then Taylor series up to r^17 and r^16.
CosSin Turn(double angle) {
  constexpr double kQuarters = 0x1.45f306dc9c883p-1;
  constexpr double kHigh = 0x1.921fb544p+0;
  constexpr double kMiddle = 0x1.0b4611a6p-34;
  constexpr double kLow = 0x1.3198a2e037073p-69;
  const auto q = static_cast<uint32_t>(angle * kQuarters + 0.5);
  const double qd = q;
  const double r = ((angle - qd * kHigh) - qd * kMiddle) - qd * kLow;
  const double z = r * r;
  double s = 0;
  for (const double n : {17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0}) {
    s = (1.0 - s) * z / (n * (n - 1.0));
  }
  double c = 0;
  for (const double n : {16.0, 14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0}) {
    c = (1.0 - c) * z / (n * (n - 1.0));
  }
  const double sin = (1.0 - s) * r;
  const double cos = 1.0 - c;
  switch (q % 4) {
    case 0:
      return {cos, sin};
    case 1:
      return {-sin, cos};
    case 2:
      return {-cos, -sin};
    default:
      return {sin, -cos};
  }
}

}  // namespace

RotaryTable MakeRotaryTable(std::span<const double> frequencies, float factor, size_t positions) {
  RotaryTable table{.half = frequencies.size(), .cos = {}, .sin = {}};
  table.cos.resize(positions * table.half);
  table.sin.resize(positions * table.half);
  for (size_t position = 0; position < positions; ++position) {
    for (size_t i = 0; i < table.half; ++i) {
      const CosSin turn = Turn(static_cast<double>(position) * frequencies[i]);
      table.cos[position * table.half + i] = static_cast<float>(turn.cos * factor);
      table.sin[position * table.half + i] = static_cast<float>(turn.sin * factor);
    }
  }
  return table;
}

void RotateHead(const RotaryTable& table, size_t position, bool interleaved, float* head) {
  const float* cos = &table.cos[position * table.half];
  const float* sin = &table.sin[position * table.half];
  const size_t stride = interleaved ? 2 : 1;
  float* second = head + (interleaved ? 1 : table.half);
  for (size_t i = 0; i < table.half; ++i) {
    const float a = head[i * stride];
    const float b = second[i * stride];
    head[i * stride] = a * cos[i] - b * sin[i];
    second[i * stride] = a * sin[i] + b * cos[i];
  }
}

}  // namespace gonka::engine::kernels
