#pragma once

// From the bytes of a GGUF v3 file to its metadata and tensor directory.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gonka/model/gguf.h"

namespace gonka::model {

struct GgufContents {
  std::map<std::string, GgufValue, std::less<>> metadata;
  std::vector<GgufTensor> tensors;  // Ascending by name.
};

// Messages do not name the file; the caller does.
absl::StatusOr<GgufContents> ParseGguf(ByteSpan file);

// The string elements of an array that ParseGguf has accepted.
std::vector<std::string_view> ArrayStrings(const GgufArray& array);
// The elements of an array of integers that ParseGguf has accepted; nothing for other arrays and
// for values beyond int64.
std::optional<std::vector<int64_t>> ArrayInts(const GgufArray& array);
std::optional<std::vector<float>> ArrayFloats(const GgufArray& array);

}  // namespace gonka::model
