#pragma once

#include <string_view>

#include "ast.h"
#include "gonka/base/status.h"

namespace gonka::model::jinja {

// InvalidArgument with line and construct where the source is not understood.
absl::StatusOr<Body> Parse(std::string_view source);

}  // namespace gonka::model::jinja
