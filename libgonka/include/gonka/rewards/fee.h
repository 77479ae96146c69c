#pragma once

// What an inference costs, and who gets it.

#include <optional>

#include "gonka/protocol/genesis.h"

namespace gonka::rewards {

inline constexpr uint64_t kTokensMax = 1'000'000;     // Of one kind, in one inference.
inline constexpr uint64_t kTokensMaxDefault = 5'000;  // Where a client names no limit.

// (prompt + output tokens) * price; nothing where a count is above kTokensMax or the product above
// Amount::kMax.
std::optional<Amount> Cost(uint64_t prompt_tokens, uint64_t output_tokens, Amount price);
// What is locked before: the cost of the longest answer allowed.
std::optional<Amount> Escrow(uint64_t prompt_tokens, uint64_t tokens_max, Amount price);

// paid + refund = escrow. A cost above the escrow pays the escrow.
struct EscrowSplit {
  Amount paid;
  Amount refund;
};
EscrowSplit SettleEscrow(Amount escrow, Amount cost);

// Each part rounds down; the remainder (at most two units) is the treasury's. The four sum to the
// fee.
struct FeeSplit {
  Amount executor;
  Amount ta;
  Amount validators;
  Amount remainder;
};
FeeSplit SplitFee(Amount fee, const MoneyParams& params);

}  // namespace gonka::rewards
