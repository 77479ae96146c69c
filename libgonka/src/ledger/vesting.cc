#include "ledger/vesting.h"

#include "ledger/money.h"

namespace gonka::ledger {
namespace {

Purse VestingPot() {
  return {nullptr, &Totals::vesting};
}

}  // namespace

void MintVesting(BlockState& state, const AccountId& to, Amount amount) {
  const uint32_t parts = state.params.money.vesting_epochs;
  Account& account = state.accounts.Ensure(keys::Of(to));
  if (parts == 0) return Mint(state, BalanceOf(account), amount);
  if (amount == Amount(0)) return;
  Mint(state, VestingPot(), amount);
  auto& releases = state.vesting.Ensure(keys::OfVesting(to)).releases;
  if (releases.size() < parts) releases.resize(parts);
  const Amount part(amount.units() / parts);
  for (uint32_t i = 0; i + 1 < parts; ++i) {
    releases[i] += part;
    amount -= part;
  }
  releases[parts - 1] += amount;
}

void ReleaseVested(BlockState& state) {
  for (const Key& key : state.vesting.Keys(Key('V'))) {
    const AccountId id{KeyReader(key.span()).NextHash()};
    auto& releases = state.vesting.Change(key).releases;
    const Amount amount = releases.front();
    releases.erase(releases.begin());
    if (releases.empty()) state.vesting.Erase(key);
    if (amount == Amount(0)) continue;
    MoveToAccount(state, VestingPot(), id, amount);
    state.Tell(Vested{.participant = id, .amount = amount});
  }
}

}  // namespace gonka::ledger
