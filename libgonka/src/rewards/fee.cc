#include "gonka/rewards/fee.h"

#include <algorithm>

namespace gonka::rewards {

std::optional<Amount> Cost(uint64_t prompt_tokens, uint64_t output_tokens, Amount price) {
  if (prompt_tokens > kTokensMax || output_tokens > kTokensMax) return std::nullopt;
  return CheckedMul(price, prompt_tokens + output_tokens);
}

std::optional<Amount> Escrow(uint64_t prompt_tokens, uint64_t tokens_max, Amount price) {
  return Cost(prompt_tokens, tokens_max, price);
}

EscrowSplit SettleEscrow(Amount escrow, Amount cost) {
  const Amount paid = std::min(escrow, cost);
  const EscrowSplit split{.paid = paid, .refund = escrow - paid};
  GONKA_CHECK(split.paid + split.refund == escrow);
  return split;
}

FeeSplit SplitFee(Amount fee, const MoneyParams& params) {
  FeeSplit split{.executor = Share(fee, params.fee_executor),
                 .ta = Share(fee, params.fee_ta),
                 .validators = Share(fee, params.fee_validators),
                 .remainder = {}};
  split.remainder = fee - split.executor - split.ta - split.validators;
  return split;
}

}  // namespace gonka::rewards
