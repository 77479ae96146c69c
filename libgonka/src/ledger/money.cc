#include "ledger/money.h"

#include "gonka/ledger/queries.h"

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

CoinSums CoinSumsOf(const Totals& t) {
  CoinSums sums;
  for (const Amount source : {t.genesis, t.minted}) sums.made += source.units();
  for (const Amount pot : {t.balances, t.allowances, t.escrows, t.held, t.bonds, t.collateral,
                           t.treasury, t.burned, t.deposits, t.unbonding, t.vesting}) {
    sums.there += pot.units();
  }
  return sums;
}

bool IsConserved(const Totals& totals) {
  const CoinSums sums = CoinSumsOf(totals);
  return sums.made == sums.there;
}

}  // namespace gonka::ledger
