#pragma once

#include <string_view>

#include "runtime.h"

namespace gonka::model::jinja {

// The value that a JSON text stands for; all its strings are untrusted. Of keys that stand twice,
// the last counts. Refuses what is not JSON, nesting beyond the limit, and integers beyond 64 bits;
// the message starts with what.
absl::StatusOr<Value> ReadJson(std::string_view json, std::string_view what, Runtime& runtime);

}  // namespace gonka::model::jinja
