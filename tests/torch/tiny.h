#pragma once

#include "engine/ask.h"
#include "gonka/engine/torch.h"

namespace gonka::engine {

inline std::unique_ptr<LocalEngine> TinyEngine(const LocalOptions& options = {}) {
  return MakeTorchEngine(Tiny(), options).value();
}

}  // namespace gonka::engine
