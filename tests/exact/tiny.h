#pragma once

#include "engine/ask.h"
#include "gonka/engine/exact.h"

namespace gonka::engine {

inline std::unique_ptr<LocalEngine> TinyEngine(const LocalOptions& options = {},
                                               std::string_view instruction_set = {}) {
  return MakeExactEngine(Tiny(), options, instruction_set).value();
}

}  // namespace gonka::engine
