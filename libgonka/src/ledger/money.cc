#include "ledger/money.h"

namespace gonka::ledger {

void Move(BlockState& state, Purse from, Purse to, Amount amount) {
  Totals& totals = state.chain.totals;
  totals.*from.pot -= amount;
  totals.*to.pot += amount;
  if (from.coins != nullptr) *from.coins -= amount;
  if (to.coins != nullptr) *to.coins += amount;
}

void Mint(BlockState& state, Purse to, Amount amount) {
  state.chain.totals.minted += amount;
  state.chain.totals.*to.pot += amount;
  if (to.coins != nullptr) *to.coins += amount;
}

void MoveToAccount(BlockState& state, Purse from, const AccountId& to, Amount amount) {
  if (amount == Amount(0)) return;
  Move(state, from, BalanceOf(state.accounts.Ensure(keys::Of(to))), amount);
}

bool IsConserved(const Totals& totals) {
  const Amount sum = totals.balances + totals.allowances + totals.escrows + totals.held +
                     totals.bonds + totals.collateral + totals.treasury + totals.burned +
                     totals.deposits;
  return sum == totals.genesis + totals.minted;
}

}  // namespace gonka::ledger
