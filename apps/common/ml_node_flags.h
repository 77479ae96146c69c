#pragma once

// The command line that all ML node programs share.

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "common/ml_node.h"

namespace gonka::apps {

inline void AddMlNodeFlags(CLI::App& app, MlNodeOptions& options) {
  app.set_config("--config", "", "read options from this file (TOML)");
  app.allow_config_extras(CLI::config_extras_mode::error);  // A misspelt option is no option.
  app.add_option("--model", options.model, "checkpoint: a .gguf file")->required();
  app.add_option("--listen", options.listen, "address:port; port 0 takes any free one")
      ->capture_default_str();
  app.add_option("--manifest-cache", options.cache_directory,
                 "folder that remembers the checkpoint's manifest");
  app.add_option("--threads", options.threads, "compute threads")
      ->capture_default_str()
      ->check(CLI::Range(1, 256));
  app.add_option("--kernels", options.kernels,
                 "exact (cpu-exact/1, the same bits on every CPU) or torch")
      ->capture_default_str()
      ->check(CLI::IsMember({"exact", "torch"}));
  app.add_option("--precision", options.precision,
                 "of the weights: file (as stored), fp32, bf16 or int8")
      ->capture_default_str();
  app.add_option("--context", options.context_max, "tokens; 0 is the model's own")
      ->capture_default_str();
  app.add_option("--kv-megabytes", options.kv_megabytes, "memory for the KV cache")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--running-max", options.running_max, "requests that advance together")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'024));
  app.add_option("--log-level", options.log_level, "debug, info, warning or error")
      ->capture_default_str();
}

// libgomp, which libtorch uses, reads its environment before main: threads that spin between two
// steps would take the cores from everybody else. Starts the program again where this is not set.
inline void WaitPassively(const MlNodeOptions& options, char** argv) {
  if (options.kernels != "torch" || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("OMP_WAIT_POLICY", "passive", 1);
  ::execv("/proc/self/exe", argv);
}

}  // namespace gonka::apps
