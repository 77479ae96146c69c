#include <algorithm>

#include "ledger/events.h"
#include "ledger/money.h"

namespace gonka::ledger {
namespace {

bool IsAscending(const List<ModelId, 16>& models) {
  return std::adjacent_find(models.begin(), models.end(), std::greater_equal<>()) == models.end();
}

TxCode Join(BlockState& state, const AccountId& sender, const Register& event) {
  if (state.chain.participants >= kParticipantsMax) return TxCode::kQuotaExceeded;
  Account& account = state.accounts.Change(keys::Of(sender));
  const Amount collateral = state.params.money.collateral_min;
  if (account.balance < collateral) return TxCode::kInsufficientBalance;
  ++state.chain.participants;
  Participant& participant = state.participants.Put(keys::OfParticipant(sender),
                                                    {.endpoint = event.endpoint,
                                                     .models = event.models,
                                                     .weight = state.params.money.newcomer_weight,
                                                     .collateral = {},
                                                     .reputation = {},
                                                     .active_from_epoch = state.chain.epoch + 1,
                                                     .chain_head = {},
                                                     .next_chain_end = {},
                                                     .node_keys = {}});
  Move(state, BalanceOf(account), CollateralOf(participant), collateral);
  state.Tell(ParticipantJoined{.participant = sender, .from_epoch = participant.active_from_epoch});
  return TxCode::kOk;
}

}  // namespace

TxCode CheckParticipant(BlockState& state, const AccountId& id) {
  const Participant* participant = state.participants.Find(keys::OfParticipant(id));
  if (participant == nullptr) return TxCode::kUnknownParticipant;
  return participant->removed ? TxCode::kRemoved : TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const Register& event) {
  if (event.endpoint.empty() || !IsAscending(event.models)) return TxCode::kMalformed;
  for (const ModelId& model : event.models) {
    if (state.models.Find(keys::Of(model)) == nullptr) return TxCode::kUnknownModel;
  }
  const TxCode known = CheckParticipant(state, sender);
  if (known == TxCode::kUnknownParticipant) return Join(state, sender, event);
  if (known != TxCode::kOk) return known;
  // The epoch's table keeps the old models until the next epoch.
  Participant& participant = state.participants.Change(keys::OfParticipant(sender));
  participant.endpoint = event.endpoint;
  participant.models = event.models;
  return TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const Transfer& event) {
  if (event.amount == Amount(0) || event.to == sender) return TxCode::kMalformed;
  Account& from = state.accounts.Change(keys::Of(sender));
  if (from.balance < event.amount) return TxCode::kInsufficientBalance;
  MoveToAccount(state, BalanceOf(from), event.to, event.amount);
  return TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const DepositCollateral& event) {
  if (event.amount == Amount(0)) return TxCode::kMalformed;
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  Account& account = state.accounts.Change(keys::Of(sender));
  if (account.balance < event.amount) return TxCode::kInsufficientBalance;
  Participant& participant = state.participants.Change(keys::OfParticipant(sender));
  Move(state, BalanceOf(account), CollateralOf(participant), event.amount);
  return TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const CommitBeacon& event) {
  if (event.chain_end.IsZero()) return TxCode::kMalformed;
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  state.participants.Change(keys::OfParticipant(sender)).next_chain_end = event.chain_end;
  return TxCode::kOk;
}

}  // namespace gonka::ledger
