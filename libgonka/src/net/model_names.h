#pragma once

// Which model a client means by a name, and what it may have meant.

#include <string>
#include <string_view>
#include <vector>

namespace gonka::net {

// The name that is closest to this one, not minding case, or "" where none is close: at most a
// third of its letters differ, or one is part of the other.
std::string ClosestName(std::string_view name, const std::vector<std::string>& names);

}  // namespace gonka::net
