#include "gonka/reputation/check_rate.h"

#include <algorithm>

namespace gonka::reputation {
namespace {

// The line from (from, high) down to (to, low), rounded up.
Ppm Falling(uint64_t x, uint64_t from, uint64_t to, Ppm high, Ppm low) {
  const uint64_t fall = MulDivFloor(high.value - low.value, x - from, to - from);
  return Ppm{high.value - static_cast<uint32_t>(fall)};
}

// The rate at which so many checks are expected over so many records, rounded up.
Ppm RateForChecks(uint32_t checks, uint64_t records, Ppm rate_max) {
  if (records <= checks) return rate_max;
  const uint64_t millionths = uint64_t{checks} * Ppm::kOne;  // Below 2^52.
  const uint64_t rate = millionths / records + (millionths % records != 0 ? 1 : 0);
  return Ppm{static_cast<uint32_t>(std::min<uint64_t>(rate, rate_max.value))};
}

}  // namespace

Ppm TrafficFloor(const CheckParams& params, uint64_t traffic) {
  if (traffic <= params.traffic_cut) return params.rate_max;
  if (traffic >= params.traffic_full) return params.rate_floor;
  if (traffic < params.traffic_half) {
    return Falling(traffic, params.traffic_cut, params.traffic_half, params.rate_max,
                   params.rate_half);
  }
  return Falling(traffic, params.traffic_half, params.traffic_full, params.rate_half,
                 params.rate_floor);
}

Ppm CheckRate(const CheckParams& params, Ppm reputation, uint64_t model_traffic_last_epoch,
              uint64_t executor_records_last_epoch) {
  const Ppm least = TrafficFloor(params, model_traffic_last_epoch);
  const uint32_t trust = std::min(reputation.value, Ppm::kOne);
  const Ppm rate = Falling(trust, 0, Ppm::kOne, params.rate_max, least);
  return std::max(rate, RateForChecks(params.checks_per_epoch_min, executor_records_last_epoch,
                                      params.rate_max));
}

}  // namespace gonka::reputation
