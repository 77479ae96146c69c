#include "ledger/draws.h"
#include "ledger/events.h"
#include "ledger/money.h"

namespace gonka::ledger {
namespace {

// A key digest leads to one developer, whoever named it first.
TxCode NameKey(BlockState& state, const AccountId& developer, const Allow& event,
               const std::optional<Hash>& before) {
  if (event.key_digest == before) return TxCode::kOk;
  if (event.key_digest) {
    const Key key = keys::OfApiKey(event.ta, *event.key_digest);
    const AccountId* owner = state.api_keys.Find(key);
    if (owner != nullptr) return TxCode::kConflictsWithRecord;
    state.api_keys.Put(key, developer);
  }
  if (before) state.api_keys.Erase(keys::OfApiKey(event.ta, *before));
  return TxCode::kOk;
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const Allow& event) {
  if (event.key_digest && event.key_digest->IsZero()) return TxCode::kMalformed;
  if (event.expires_epoch < state.chain.epoch) return TxCode::kAllowanceExpired;
  if (const TxCode code = CheckNotLeft(state, event.ta, state.chain.epoch); code != TxCode::kOk)
    return code;
  Account& account = state.accounts.Change(keys::Of(sender));
  if (account.balance < event.amount) return TxCode::kInsufficientBalance;

  const Key key = keys::OfAllowance(event.ta, sender);
  const bool is_new = state.allowances.Find(key) == nullptr;
  if (is_new && event.amount == Amount(0)) return TxCode::kMalformed;
  Allowance& allowance = state.allowances.Ensure(key);
  if (const TxCode code = NameKey(state, sender, event, allowance.key_digest);
      code != TxCode::kOk) {
    return code;
  }
  if (is_new) {
    QueueAllowanceDraw(state, event.ta, sender);
  } else {
    state.index.Erase(keys::OfAllowanceExpiry(allowance.expires_epoch, event.ta, sender));
  }
  allowance.key_digest = event.key_digest;
  allowance.expires_epoch = event.expires_epoch;
  state.index.Put(keys::OfAllowanceExpiry(event.expires_epoch, event.ta, sender), {});
  Move(state, BalanceOf(account), AvailableIn(allowance), event.amount);
  return TxCode::kOk;
}

}  // namespace gonka::ledger
