#include "ledger/collateral.h"

#include <algorithm>

#include "ledger/events.h"

namespace gonka::ledger {
namespace {

// One entry for all that comes home in the same epoch. There must be room.
void Unbond(BlockState& state, const AccountId& id, Participant& participant, Amount amount,
            uint64_t from_epoch) {
  const uint64_t release = from_epoch + state.params.money.unbonding_epochs;
  auto& entries = participant.unbonding;
  auto entry = std::find_if(entries.begin(), entries.end(),
                            [&](const Unbonding& one) { return one.release_epoch == release; });
  if (entry == entries.end()) {
    entry = entries.insert(entry, Unbonding{.amount = {}, .release_epoch = release});
  }
  Move(state, CollateralOf(participant), UnbondingIn(*entry), amount);
  state.Tell(CollateralUnbonding{.participant = id, .amount = amount, .release_epoch = release});
}

void Release(BlockState& state, const AccountId& id, Participant& participant, uint64_t epoch) {
  for (Unbonding& entry : participant.unbonding) {
    const Amount amount = entry.amount;
    if (entry.release_epoch > epoch || amount == Amount(0)) continue;
    MoveToAccount(state, UnbondingIn(entry), id, amount);
    state.Tell(CollateralReleased{.participant = id, .amount = amount});
  }
  std::erase_if(participant.unbonding,
                [](const Unbonding& entry) { return entry.amount == Amount(0); });
}

TxCode CheckWithdrawal(const BlockState& state, const Participant& participant, Amount amount) {
  if (amount > participant.collateral) return TxCode::kInsufficientCollateral;
  const bool serves = !participant.removed && !participant.last_epoch;
  if (serves && participant.collateral - amount < state.params.money.collateral_min) {
    return TxCode::kInsufficientCollateral;
  }
  return participant.unbonding.size() + 1 < kUnbondingMax ? TxCode::kOk : TxCode::kQuotaExceeded;
}

}  // namespace

Amount Slash(BlockState& state, Participant& participant, Ppm part) {
  Amount slashed = Share(participant.collateral, part);
  Move(state, CollateralOf(participant), Burned(), slashed);
  for (Unbonding& entry : participant.unbonding) {
    const Amount share = Share(entry.amount, part);
    Move(state, UnbondingIn(entry), Burned(), share);
    slashed += share;
  }
  return slashed;
}

Amount TakeStake(BlockState& state, Participant& participant, Purse to, Amount at_most) {
  Amount taken = std::min(at_most, participant.collateral);
  Move(state, CollateralOf(participant), to, taken);
  for (Unbonding& entry : participant.unbonding) {
    const Amount more = std::min(at_most - taken, entry.amount);
    Move(state, UnbondingIn(entry), to, more);
    taken += more;
  }
  return taken;
}

void SettleCollateral(BlockState& state, uint64_t epoch) {
  for (const Key& key : state.participants.Keys(Key('p'))) {
    const Participant& found = state.participants.Get(key);
    const bool leaves =
        found.last_epoch && *found.last_epoch <= epoch && found.collateral > Amount(0);
    if (!leaves && found.unbonding.empty()) continue;
    const AccountId id{KeyReader(key.span()).NextHash()};
    Participant& participant = state.participants.Change(key);
    if (leaves) Unbond(state, id, participant, participant.collateral, epoch);
    Release(state, id, participant, epoch);
  }
}

TxCode Apply(BlockState& state, const AccountId& sender, const DepositCollateral& event) {
  if (event.amount == Amount(0)) return TxCode::kMalformed;
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  Participant& participant = state.participants.Change(keys::OfParticipant(sender));
  if (participant.last_epoch) return TxCode::kLeft;
  Account& account = state.accounts.Change(keys::Of(sender));
  if (account.balance < event.amount) return TxCode::kInsufficientBalance;
  Move(state, BalanceOf(account), CollateralOf(participant), event.amount);
  return TxCode::kOk;
}

// Who was removed may have back what the slash has left.
TxCode Apply(BlockState& state, const AccountId& sender, const WithdrawCollateral& event) {
  if (event.amount == Amount(0)) return TxCode::kMalformed;
  const Key key = keys::OfParticipant(sender);
  if (state.participants.Find(key) == nullptr) return TxCode::kUnknownParticipant;
  Participant& participant = state.participants.Change(key);
  const TxCode code = CheckWithdrawal(state, participant, event.amount);
  if (code != TxCode::kOk) return code;
  Unbond(state, sender, participant, event.amount, state.chain.epoch);
  return TxCode::kOk;
}

}  // namespace gonka::ledger
