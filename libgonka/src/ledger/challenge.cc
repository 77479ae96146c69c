// Challenge: the developer of a record has a committee look at its answer. The bond is the record's
// cost and challenge_bond: whoever challenges good answers loses at least what it could win.

#include "ledger/cases.h"
#include "ledger/checks.h"
#include "ledger/events.h"
#include "ledger/money.h"

namespace gonka::ledger {
namespace {

TxCode CheckChallenged(BlockState& state, const AccountId& sender, const InferenceId& id,
                       const InferenceRecord& record) {
  const Assignment& assignment = record.assignment;
  if (assignment.request.developer != sender) return TxCode::kWrongDeveloper;
  if (record.settled) return TxCode::kTooLate;
  if (record.status == InferenceStatus::kExpired) return TxCode::kExpired;
  if (!record.finish) return TxCode::kTooEarly;
  const bool disputed = state.cases.Find(keys::Of(DisputeCase(id))) != nullptr;
  if (disputed || record.held == Amount(0)) return TxCode::kAlreadyDone;
  // A dispute without decision refunds: nobody may choose that by coming late.
  return state.height() <= LastHeightToChallenge(state, assignment.request.epoch)
             ? TxCode::kOk
             : TxCode::kTooLate;
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const Challenge& event) {
  const Key key = keys::Of(event.inference);
  const InferenceRecord* found = state.records.Find(key);
  if (found == nullptr) return TxCode::kUnknownInference;
  const TxCode code = CheckChallenged(state, sender, event.inference, *found);
  if (code != TxCode::kOk) return code;
  const uint64_t epoch = found->assignment.request.epoch;
  const Standing* standing = state.standings.Find(keys::OfStanding(epoch, sender));
  const uint32_t undecided = standing == nullptr ? 0 : standing->accusations;
  if (undecided >= state.params.check.challenges_in_flight_max) return TxCode::kQuotaExceeded;
  const std::optional<Amount> bond = CheckedAdd(state.params.money.challenge_bond, found->held);
  if (!bond) return TxCode::kAmountOverflow;
  Account& account = state.accounts.Change(keys::Of(sender));
  if (account.balance < *bond) return TxCode::kInsufficientBalance;
  InferenceRecord& record = state.records.Change(key);
  StopCheck(state, event.inference, record);
  OpenDispute(state, event.inference, record,
              {.accuser = sender,
               .cause = DisputeCause::kChallenge,
               .purse = BalanceOf(account),
               .bond = *bond});
  return TxCode::kOk;
}

}  // namespace gonka::ledger
