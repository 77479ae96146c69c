#pragma once

// Who is there when a simulation begins: keys from the seed, and the genesis over them.

#include <span>
#include <vector>

#include "gonka/testing/sim_world.h"

namespace gonka::testing {

std::vector<KeyPair> KeysOf(const SimOptions& options, const char* role, size_t count);
Genesis GenesisOf(const SimOptions& options, std::span<const KeyPair> participants,
                  std::span<const KeyPair> newcomers, std::span<const KeyPair> developers);

}  // namespace gonka::testing
