#include "ledger/membership.h"

#include <algorithm>

#include "ledger/events.h"
#include "ledger/money.h"
#include "ledger/sprint.h"

namespace gonka::ledger {
namespace {

TxCode CheckModels(BlockState& state, const List<ModelId, 16>& models) {
  const bool ascending =
      std::adjacent_find(models.begin(), models.end(), std::greater_equal<>()) == models.end();
  if (!ascending) return TxCode::kMalformed;
  for (const ModelId& model : models) {
    if (state.models.Find(keys::Of(model)) == nullptr) return TxCode::kUnknownModel;
  }
  return TxCode::kOk;
}

// Fills the collateral up to the least that the network asks for.
TxCode FillCollateral(BlockState& state, const AccountId& id, Participant& participant) {
  const Amount least = state.params.money.collateral_min;
  const Amount missing = least - std::min(least, participant.collateral);
  Account& account = state.accounts.Change(keys::Of(id));
  if (account.balance < missing) return TxCode::kInsufficientBalance;
  Move(state, BalanceOf(account), CollateralOf(participant), missing);
  state.Tell(ParticipantJoined{.participant = id, .from_epoch = state.chain.epoch + 1});
  return TxCode::kOk;
}

TxCode Join(BlockState& state, const AccountId& sender, const Register& event) {
  if (state.chain.participants >= kParticipantsMax) return TxCode::kQuotaExceeded;
  ++state.chain.participants;
  Participant participant;
  participant.endpoint = event.endpoint;
  participant.models = event.models;
  participant.weight = NewcomerWeight(state.params);
  participant.active_from_epoch = state.chain.epoch + 1;
  const Key key = keys::OfParticipant(sender);
  return FillCollateral(state, sender, state.participants.Put(key, std::move(participant)));
}

// Reputation and convictions are still there. Who has not stopped yet goes on; who has comes back
// with a newcomer's weight.
TxCode JoinAgain(BlockState& state, const AccountId& sender, Participant& participant) {
  if (HasLeft(participant, state.chain.epoch)) {
    participant.weight = NewcomerWeight(state.params);
    participant.active_from_epoch = state.chain.epoch + 1;
  }
  participant.last_epoch.reset();
  return FillCollateral(state, sender, participant);
}

bool IsForgotten(const BlockState& state, const AccountId& id, const Participant& participant) {
  return HasLeft(participant, state.chain.epoch_pruned) && participant.collateral == Amount(0) &&
         participant.unbonding.empty() && participant.convictions == 0 && !participant.removed &&
         id != state.chain.sequencer;
}

}  // namespace

TxCode CheckParticipant(BlockState& state, const AccountId& id) {
  const Participant* participant = state.participants.Find(keys::OfParticipant(id));
  if (participant == nullptr) return TxCode::kUnknownParticipant;
  return participant->removed ? TxCode::kRemoved : TxCode::kOk;
}

TxCode CheckNotLeft(BlockState& state, const AccountId& id, uint64_t epoch) {
  if (const TxCode code = CheckParticipant(state, id); code != TxCode::kOk) return code;
  const bool left = HasLeft(state.participants.Get(keys::OfParticipant(id)), epoch);
  return left ? TxCode::kLeft : TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const Register& event) {
  if (event.endpoint.empty()) return TxCode::kMalformed;
  if (const TxCode code = CheckModels(state, event.models); code != TxCode::kOk) return code;
  const TxCode known = CheckParticipant(state, sender);
  if (known == TxCode::kUnknownParticipant) return Join(state, sender, event);
  if (known != TxCode::kOk) return known;
  Participant& participant = state.participants.Change(keys::OfParticipant(sender));
  participant.next_terms = Terms{.endpoint = event.endpoint, .models = event.models};
  return participant.last_epoch ? JoinAgain(state, sender, participant) : TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const Update& event) {
  if (event.endpoint ? event.endpoint->empty() : !event.models) return TxCode::kMalformed;
  if (event.models) {
    if (const TxCode code = CheckModels(state, *event.models); code != TxCode::kOk) return code;
  }
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  Participant& participant = state.participants.Change(keys::OfParticipant(sender));
  if (participant.last_epoch) return TxCode::kLeft;
  if (!participant.next_terms) {
    participant.next_terms = Terms{.endpoint = participant.endpoint, .models = participant.models};
  }
  if (event.endpoint) participant.next_terms->endpoint = *event.endpoint;
  if (event.models) participant.next_terms->models = *event.models;
  return TxCode::kOk;
}

// Who was removed has no duties to end, but collateral to get back.
TxCode Apply(BlockState& state, const AccountId& sender, const Leave&) {
  const Key key = keys::OfParticipant(sender);
  if (state.participants.Find(key) == nullptr) return TxCode::kUnknownParticipant;
  Participant& participant = state.participants.Change(key);
  if (participant.last_epoch) return TxCode::kLeft;
  participant.last_epoch = state.chain.epoch;
  participant.next_terms.reset();
  state.Tell(ParticipantLeft{.participant = sender, .last_epoch = state.chain.epoch});
  return TxCode::kOk;
}

void AdoptTerms(BlockState& state) {
  for (const Key& key : state.participants.Keys(Key('p'))) {
    if (!state.participants.Get(key).next_terms) continue;
    Participant& participant = state.participants.Change(key);
    const Terms terms = *std::move(participant.next_terms);
    participant.next_terms.reset();
    participant.endpoint = terms.endpoint;
    participant.models = terms.models;
  }
}

void ForgetLeavers(BlockState& state) {
  for (const Key& key : state.participants.Keys(Key('p'))) {
    const AccountId id{KeyReader(key.span()).NextHash()};
    if (!IsForgotten(state, id, state.participants.Get(key))) continue;
    state.participants.Erase(key);
    --state.chain.participants;
  }
}

}  // namespace gonka::ledger
