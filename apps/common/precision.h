#pragma once

// What --precision may say.

#include <fmt/format.h>

#include <string>

#include "gonka/engine/local.h"

namespace gonka::apps {

inline absl::StatusOr<engine::Precision> ParsePrecision(const std::string& name) {
  if (name == "file") return engine::Precision::kFile;
  if (name == "fp32") return engine::Precision::kFp32;
  if (name == "bf16") return engine::Precision::kBf16;
  if (name == "int8") return engine::Precision::kInt8;
  return absl::InvalidArgumentError(
      fmt::format("--precision must be file, fp32, bf16 or int8, is '{}'", name));
}

}  // namespace gonka::apps
