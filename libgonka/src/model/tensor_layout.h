#pragma once

// Which tensors a model has, and where a Hugging Face folder keeps them.

#include <cstdint>
#include <string>
#include <vector>

#include "gonka/model/config.h"

namespace gonka::model {

struct TensorPlan {
  std::string name;             // llama.cpp's.
  std::vector<uint64_t> shape;  // Outermost first.
  // Hugging Face's names: several are stacked along a new first dimension.
  std::vector<std::string> sources;
  // Rows of each of so many heads change from the order of halves to that of pairs; 0: as they are.
  uint32_t rotary_heads = 0;
};

// Ascending by name.
std::vector<TensorPlan> PlanTensors(const ModelConfig& config);

}  // namespace gonka::model
