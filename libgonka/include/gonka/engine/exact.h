#pragma once

// The engine of cpu-exact/1 (doc/kernels.md), in this process: what it answers is a function of
// checkpoint, tokens, sampler settings and seed alone. The same bits come out whatever else is in
// the batch, however a prompt was cut, from Generate and from Score, on any number of threads, on
// every instruction set. Torch-free. What nodes run on CPUs.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/engine/local.h"

namespace gonka::model {
class Checkpoint;
}

namespace gonka::engine {

// Loads the weights. Refuses options and checkpoints that it cannot serve. With kFile matrices stay
// in the file's own form where there are kernels for it: F32, BF16, Q8_0, Q4_0, Q4_1, Q4_K; F16 and
// Q6_K become fp32, which holds their values exactly. The kernel class is cpu-exact/1 and the
// precision: "cpu-exact/1:file", ":f32", ":bf16" or ":int8".
//
// instruction_set is one of InstructionSets(), empty for the first. It changes the speed alone.
absl::StatusOr<std::unique_ptr<LocalEngine>> MakeExactEngine(
    std::shared_ptr<const model::Checkpoint> checkpoint, const LocalOptions& options,
    std::string_view instruction_set = {});

// Those that this machine can run, fastest first: "avx512", "avx2", "neon", "scalar". The last one
// needs nothing, and is slow.
std::vector<std::string> InstructionSets();

}  // namespace gonka::engine
