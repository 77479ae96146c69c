#include "gonka/rewards/emission.h"

namespace gonka::rewards {
namespace {

using Wide = unsigned __int128;

// floor(a * b / 2^127) for a, b <= 2^127, over halves of 64 bits.
Wide TimesFraction(Wide a, Wide b) {
  const Wide a_high = a >> 64, a_low = static_cast<uint64_t>(a);
  const Wide b_high = b >> 64, b_low = static_cast<uint64_t>(b);
  const Wide low = a_low * b_low;
  const Wide cross1 = a_high * b_low;
  const Wide cross2 = a_low * b_high;
  const Wide middle = (low >> 64) + static_cast<uint64_t>(cross1) + static_cast<uint64_t>(cross2);
  const Wide high = a_high * b_high + (cross1 >> 64) + (cross2 >> 64) + (middle >> 64);
  return high << 1 | (static_cast<uint64_t>(middle) >> 63);
}

constexpr Wide kOne = Wide{1} << 127;
// floor(9995251127946402 * 2^127 / 10^16).
constexpr Wide kFactor = Wide{0x7ff0705b7de994b5} << 64 | 0x444b7ded5b68516f;

}  // namespace

Amount Emission(Amount initial, uint64_t epoch) {
  Wide power = kOne;
  Wide square = kFactor;
  for (uint64_t bits = epoch; bits > 0; bits >>= 1) {
    if ((bits & 1) == 1) power = TimesFraction(power, square);
    square = TimesFraction(square, square);
  }
  return Amount(static_cast<uint64_t>(TimesFraction(initial.units(), power)));
}

}  // namespace gonka::rewards
