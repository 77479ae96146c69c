#pragma once

// One life of a network, and what everybody has at its end.

#include "rows.h"

namespace gonka::testing {

// The network in which everything is measured: doc/economy.md says why these numbers.
inline constexpr uint64_t kPrice = 10;                // Of a token.
inline constexpr uint64_t kCostOfToken = 5;           // Of computing one, by the right model,
inline constexpr uint64_t kPrefillTimesCheaper = 10;  // of prefilling or scoring one: a tenth.
inline constexpr size_t kDevelopers = 3;
SimOptions NetworkOf(size_t participants, uint64_t sim_seed);

// Other participants than those of any row, who cheat and lose payloads whatever the others do.
Cast Background(size_t participants);
// Adds what one cast does to another.
void Join(Cast& cast, const Cast& more);

// Coins, less what computing has cost; of a developer, coins and what its answers are worth.
struct Wealth {
  std::vector<double> participants;
  std::vector<double> developers;
  uint64_t refusals = 0;  // Events that the ledger refused.
};

struct Life {
  SimOptions options;
  uint64_t epochs = 2;
  uint32_t tokens_max = 8;
};
Wealth Live(Life life, const Cast& cast);

}  // namespace gonka::testing
