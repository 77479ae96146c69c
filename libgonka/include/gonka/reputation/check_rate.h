#pragma once

// How often an executor's answers are checked.

#include "gonka/protocol/genesis.h"

namespace gonka::reputation {

// min(T): the least rate for a model that served so many requests in the last epoch. Falls
// piecewise linearly from rate_max at traffic_cut over rate_half at traffic_half to rate_floor at
// traffic_full. Rounds up. The parameters are those that CheckGenesis accepts.
Ppm TrafficFloor(const CheckParams& params, uint64_t traffic);

// max - (max - min(T)) * reputation, rounded up, and not below what gives checks_per_epoch_min
// expected checks over as many records as the executor had in the last epoch (none: the full rate).
// Never above rate_max.
Ppm CheckRate(const CheckParams& params, Ppm reputation, uint64_t model_traffic_last_epoch,
              uint64_t executor_records_last_epoch);

}  // namespace gonka::reputation
