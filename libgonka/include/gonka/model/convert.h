#pragma once

// Writes a checkpoint as one GGUF file: what computes the same, or, in a narrower type, nearly so.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "gonka/base/status.h"
#include "gonka/model/checkpoint.h"

namespace gonka::model {

struct ConvertOptions {
  // Of matrices, but for those that choose experts; see quantize.h. Everything keeps its type where
  // none is given: then the file has the manifest of the checkpoint, unless its folder counts layers
  // with full attention although none has a window.
  std::optional<TensorType> type = {};
  // Bytes of the new file so far, and in all.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
};

// AlreadyExists where path is taken. What has been written is opened again and compared: a config
// or a tokenizer that GGUF has no words for (Unicode composition, tokens that swallow spaces, Llama
// 3's scaling as numbers) is InvalidArgument, and no file is left.
absl::Status WriteGguf(const Checkpoint& checkpoint, const std::string& path,
                       const ConvertOptions& options = {});

}  // namespace gonka::model
