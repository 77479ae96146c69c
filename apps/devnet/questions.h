#pragma once

#include <cstddef>
#include <string>

namespace gonka::devnet {

// What the developers ask; starts again after the last one.
std::string Question(size_t number);

}  // namespace gonka::devnet
