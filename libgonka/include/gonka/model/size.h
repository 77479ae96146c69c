#pragma once

// How large a checkpoint is: what a machine needs to hold it.

#include <cstdint>

#include "gonka/model/checkpoint.h"

namespace gonka::model {

struct ModelSize {
  uint64_t parameters = 0;
  uint64_t weight_bytes = 0;        // As stored; an engine may widen some types.
  uint64_t kv_bytes_per_token = 0;  // Keys and values of all layers, in fp32.
};

ModelSize SizeOf(const Checkpoint& checkpoint);

}  // namespace gonka::model
