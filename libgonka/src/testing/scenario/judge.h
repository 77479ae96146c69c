#pragma once

#include "testing/scenario/chronicle.h"

namespace gonka::testing {

// Adds a line for every expectation that does not hold.
void Judge(const Expectations& expect, SimWorld& world, const Chronicle& chronicle,
           const std::map<std::string, size_t>& labels, std::vector<std::string>& failures);

}  // namespace gonka::testing
