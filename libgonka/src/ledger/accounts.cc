#include "ledger/events.h"
#include "ledger/money.h"

namespace gonka::ledger {

TxCode Apply(BlockState& state, const AccountId& sender, const Transfer& event) {
  if (event.amount == Amount(0) || event.to == sender) return TxCode::kMalformed;
  Account& from = state.accounts.Change(keys::Of(sender));
  if (from.balance < event.amount) return TxCode::kInsufficientBalance;
  MoveToAccount(state, BalanceOf(from), event.to, event.amount);
  return TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const CommitBeacon& event) {
  if (event.chain_end.IsZero()) return TxCode::kMalformed;
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  state.participants.Change(keys::OfParticipant(sender)).next_chain_end = event.chain_end;
  return TxCode::kOk;
}

}  // namespace gonka::ledger
