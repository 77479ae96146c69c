#pragma once

// JSON files of checkpoints, which come from strangers: bounded in size and depth, and no name
// stands twice in an object.

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "gonka/base/status.h"

namespace gonka::model {

using Json = nlohmann::json;  // Sorted: vocabularies have 100,000 names.

inline constexpr size_t kJsonDepthMax = 64;

// InvalidArgument where text is no JSON object. Messages start with path.
absl::StatusOr<Json> ParseJsonObject(const std::string& path, std::string_view text);
// The whole file. NotFound where there is none.
absl::StatusOr<std::string> ReadTextFile(const std::string& path, size_t bytes_max);
// A value as it may stand in a message.
std::string ShortJson(const Json& value);

}  // namespace gonka::model
