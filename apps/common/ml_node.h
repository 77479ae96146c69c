#pragma once

// The frame of every ML node program: open the checkpoint, make an engine, serve it until a signal.

#include <functional>
#include <memory>
#include <string>

#include "gonka/engine/local.h"
#include "gonka/model/checkpoint.h"

namespace gonka::apps {

struct MlNodeOptions {
  std::string model;  // Path of the checkpoint.
  std::string listen = "127.0.0.1:7201";
  std::string cache_directory;  // Of manifests; empty for none.
  uint32_t threads = 1;
  std::string kernels = "exact";   // Or "torch", where the program was built with it.
  std::string precision = "file";  // Or "fp32", "bf16", "int8".
  uint32_t context_max = 0;
  uint64_t kv_megabytes = 1'024;
  uint32_t running_max = 16;
  std::string log_level = "info";
};

// The engine that the options name.
absl::StatusOr<std::unique_ptr<engine::Engine>> MakeLocalEngine(
    const MlNodeOptions& options, std::shared_ptr<const model::Checkpoint> checkpoint,
    const engine::LocalOptions& local);

// Of local, everything but hooks is from the command line.
using MakeEngine = std::function<absl::StatusOr<std::unique_ptr<engine::Engine>>(
    std::shared_ptr<const model::Checkpoint> checkpoint, const engine::LocalOptions& local)>;

// The program's exit status.
int RunMlNode(const MlNodeOptions& options, const MakeEngine& make_engine);

}  // namespace gonka::apps
