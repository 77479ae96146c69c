#pragma once

#include <string>
#include <vector>

#include "ast.h"
#include "runtime.h"

namespace gonka::model::jinja {

using Variables = std::vector<std::pair<std::string, Value>>;

// What the template prints when it sees these variables.
absl::StatusOr<Str> Interpret(const Body& body, const Variables& variables, Runtime& runtime);

}  // namespace gonka::model::jinja
