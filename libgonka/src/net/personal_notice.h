#pragma once

// Which notices concern a developer, and what they mean to it.

#include <optional>
#include <string>

#include "gonka/store/snapshot.h"

namespace gonka::net {

// A sentence for this developer, or nothing where the notice does not concern it: refunds to it,
// what happens to its inferences, and convictions of executors that served it.
std::optional<std::string> TellDeveloper(const store::Snapshot& snapshot, const Notice& notice,
                                         const AccountId& developer);

}  // namespace gonka::net
