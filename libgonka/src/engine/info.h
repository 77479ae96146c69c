#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "gonka/engine/local.h"
#include "gonka/model/config.h"

namespace gonka::engine {

inline EngineInfo InfoOf(const model::ModelConfig& config, std::string kernel_class,
                         const LocalOptions& options) {
  return {.model = config.name,
          .manifest = options.manifest,
          .kernel_class = std::move(kernel_class),
          .vocabulary = config.vocab,
          .context = options.context_max == 0 ? config.context
                                              : std::min(options.context_max, config.context)};
}

}  // namespace gonka::engine
