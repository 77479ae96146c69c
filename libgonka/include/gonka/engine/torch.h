#pragma once

// The engine on libtorch, in this process: the readable reference of the forward pass, and the way
// to GPUs. Its log-probabilities depend, in their last digits, on machine, threads and batch.
//
// Programs that give it more than one thread should start with OMP_WAIT_POLICY=passive in their
// environment: libgomp reads it before main, and otherwise spins between steps.

#include <memory>

#include "gonka/base/status.h"
#include "gonka/engine/local.h"

namespace gonka::model {
class Checkpoint;
}

namespace gonka::engine {

// Loads the weights: seconds. Refuses options and checkpoints that it cannot serve. libtorch keeps
// none of the files' grids, so here kFile is kFp32; kInt8 is refused. bf16 takes half of the memory
// and of the time for decoding, and about the same for reading.
absl::StatusOr<std::unique_ptr<LocalEngine>> MakeTorchEngine(
    std::shared_ptr<const model::Checkpoint> checkpoint, const LocalOptions& options);

}  // namespace gonka::engine
