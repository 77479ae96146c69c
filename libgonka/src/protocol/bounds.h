#pragma once

#include "gonka/protocol/genesis.h"

namespace gonka {

// Each parameter by itself: within its bounds, or named.
absl::Status CheckEachBound(const Params& params);

}  // namespace gonka
