// Records that come to nothing, and where their coins go.

#include "ledger/delegation.h"
#include "ledger/maintenance.h"
#include "ledger/money.h"
#include "ledger/records.h"

namespace gonka::ledger {

void CountMiss(BlockState& state, uint64_t epoch, const AccountId& who, uint32_t halves) {
  Standing& standing = state.standings.Ensure(keys::OfStanding(epoch, who));
  ++standing.duties;
  standing.misses_half += halves;
}

void ShareBlame(BlockState& state, uint64_t epoch, const AccountId& executor, const AccountId& ta) {
  CountMiss(state, epoch, executor, 1);
  CountMiss(state, epoch, ta, 1);
  ++state.blames.Ensure(keys::OfBlame(epoch, executor, ta)).misses_half;
}

void ReturnEscrow(BlockState& state, InferenceRecord& record, Amount amount) {
  const Request& request = record.assignment.request;
  // It is there: an allowance with open records does not expire.
  Allowance& allowance = state.allowances.Change(keys::OfAllowance(request.ta, request.developer));
  GONKA_CHECK(allowance.open_records > 0);
  --allowance.open_records;
  ReturnOrder(state, request, amount);
  Move(state, EscrowIn(record), AvailableIn(allowance), amount);
}

void CloseUnfinished(BlockState& state, const InferenceId& id, InferenceRecord& record,
                     RefundReason reason) {
  const Request& request = record.assignment.request;
  const Amount escrow = record.escrow;
  record.status = InferenceStatus::kExpired;
  record.check_closed = true;
  state.index.Erase(keys::OfExpiry(request.expiry_height, id));
  ReturnEscrow(state, record, escrow);
  state.Tell(Refunded{
      .inference = id, .developer = request.developer, .amount = escrow, .reason = reason});
}

void RefundHeld(BlockState& state, const InferenceId& id, InferenceRecord& record,
                RefundReason reason) {
  const Amount amount = record.held;
  if (amount == Amount(0)) return;
  const Request& request = record.assignment.request;
  if (record.agent_pays) {
    Participant& agent = state.participants.Change(keys::OfParticipant(request.ta));
    Move(state, HeldBy(record), CollateralOf(agent), amount);
  } else {
    MoveToAccount(state, HeldBy(record), request.developer, amount);
  }
  record.refunded += amount;
  state.Tell(Refunded{.inference = id,
                      .developer = record.agent_pays ? request.ta : request.developer,
                      .amount = amount,
                      .reason = reason});
}

void ExpireRecord(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  const uint64_t epoch = record.assignment.request.epoch;
  const AccountId& executor = record.assignment.executor;
  if (record.accepted) {
    CountMiss(state, epoch, executor, 2);
  } else if (!WasAway(state, executor, record.opened_height, state.height())) {
    ShareBlame(state, epoch, executor, record.assignment.request.ta);
  }
  state.Tell(RecordExpired{.inference = id, .executor = record.assignment.executor});
  CloseUnfinished(state, id, record, RefundReason::kExpired);
}

void ExpireRecords(BlockState& state) {
  const Key end = Key('h').AddNumber(state.height() + 1);
  std::vector<InferenceId> due;
  for (const Key& key : state.index.Keys(Key('h'), SIZE_MAX, &end)) {
    KeyReader reader(key.span());
    reader.NextNumber();
    due.push_back(InferenceId{reader.NextHash()});
  }
  for (const InferenceId& id : due) ExpireRecord(state, id, state.records.Change(keys::Of(id)));
}

}  // namespace gonka::ledger
