// Verdicts of assigned checks: committed, then revealed.

#include <algorithm>

#include "gonka/ledger/queries.h"
#include "gonka/reputation/evidence.h"
#include "ledger/cases.h"
#include "ledger/checks.h"
#include "ledger/draws.h"
#include "ledger/events.h"
#include "ledger/evidence.h"
#include "ledger/members.h"
#include "ledger/records.h"

namespace gonka::ledger {
namespace {

uint64_t TokensOf(const InferenceRecord& record) {
  return uint64_t{record.assignment.prompt_tokens} + record.finish->output_tokens;
}

VerdictCommit* CommitOf(InferenceRecord& record, const AccountId& validator) {
  for (VerdictCommit& commit : record.verdicts) {
    if (commit.validator == validator) return &commit;
  }
  return nullptr;
}

TxCode CheckOpen(const InferenceRecord& record) {
  if (record.settled) return TxCode::kTooLate;
  if (record.check_closed) return TxCode::kAlreadyDone;
  return record.check_selected ? TxCode::kOk : TxCode::kTooEarly;
}

// The windows of those before on_duty's last have passed: who was silent has missed its duty. The
// next window begins once this commit's time to be revealed is over.
void PassTurn(BlockState& state, InferenceRecord& record, std::span<const AccountId> on_duty,
              const AccountId& author) {
  const uint64_t window = state.params.time.check_window_blocks;
  const size_t last = on_duty.size() - 1;
  for (size_t i = record.turn; i < last; ++i) {
    const bool acted = on_duty[i] == author || CommitOf(record, on_duty[i]) != nullptr;
    const uint64_t window_from = record.turn_height + (i - record.turn) * window;
    if (!acted) CountCheckMiss(state, record, on_duty[i], window_from);
  }
  const bool is_last = on_duty[last] == author;
  record.turn = static_cast<uint32_t>(is_last ? last + 1 : last);
  record.turn_height = record.verdicts.back().reveal_from + window;
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const ValidateCommit& event) {
  const Key key = keys::Of(event.inference);
  const InferenceRecord* found = state.records.Find(key);
  if (found == nullptr) return TxCode::kUnknownInference;
  if (const TxCode code = CheckOpen(*found); code != TxCode::kOk) return code;
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  const Request& request = found->assignment.request;
  const CheckDuty duty = DutyIn(state.epochs.Get(keys::OfEpoch(request.epoch)),
                                state.ServingWeights(request.epoch, request.model), state.params,
                                *found, sender, state.height());
  if (duty.code != TxCode::kOk) return duty.code;
  if (found->verdicts.size() >= found->verdicts.kMax) return TxCode::kQuotaExceeded;

  const std::vector<AccountId> on_duty =
      ValidatorsOf(state, *found, CountOnDuty(state.params, *found, state.height()));
  InferenceRecord& record = state.records.Change(key);
  VerdictCommit& commit = record.verdicts.emplace_back();
  commit.validator = sender;
  commit.height = state.height();
  commit.commitment = event.commitment;
  commit.reveal_from = duty.reveal_from;
  commit.recheck = record.rechecked;
  PassTurn(state, record, on_duty, sender);
  return TxCode::kOk;
}

namespace {

TxCode CheckReveal(const BlockState& state, const VerdictCommit* commit, const AccountId& sender,
                   const ValidateReveal& event) {
  if (commit == nullptr) return TxCode::kNotAssigned;
  if (commit->reveal) return TxCode::kAlreadyDone;
  if (state.height() < commit->reveal_from) return TxCode::kTooEarly;
  if (state.height() >= commit->reveal_from + state.params.time.check_window_blocks) {
    return TxCode::kTooLate;
  }
  const bool same = VerdictCommitment(sender, event) == commit->commitment;
  return same ? TxCode::kOk : TxCode::kCommitmentMismatch;
}

void CountCheck(BlockState& state, const InferenceRecord& record, const AccountId& validator,
                Verdict verdict) {
  const uint64_t epoch = record.assignment.request.epoch;
  if (verdict == Verdict::kInconclusive) return CountMiss(state, epoch, validator, 2);
  Standing& standing = state.standings.Ensure(keys::OfStanding(epoch, validator));
  ++standing.duties;
  ++standing.checks;
  standing.checked_tokens += TokensOf(record);
}

// A second pass changes nothing.
void AcceptPass(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  if (record.status == InferenceStatus::kValidated) return;
  record.status = InferenceStatus::kValidated;
  if (state.params.check.recheck_rate > Ppm{0}) QueueRecheckDraw(state, id);
  const Assignment& assignment = record.assignment;
  ++state.standings.Ensure(keys::OfStanding(assignment.request.epoch, assignment.executor)).passes;
}

bool Accuses(Verdict verdict) {
  return verdict == Verdict::kFail || verdict == Verdict::kUnavailable;
}

// kQuotaExceeded: has opened as many disputes as may be undecided at once; kInsufficientBalance:
// cannot post the bond.
TxCode CheckAccuser(BlockState& state, uint64_t epoch, const AccountId& validator) {
  const Standing* standing = state.standings.Find(keys::OfStanding(epoch, validator));
  const uint32_t undecided = standing == nullptr ? 0 : standing->accusations;
  if (undecided >= state.params.check.accusations_in_flight_max) return TxCode::kQuotaExceeded;
  const Participant& participant = state.participants.Get(keys::OfParticipant(validator));
  return participant.collateral < state.params.money.accusation_bond ? TxCode::kInsufficientBalance
                                                                     : TxCode::kOk;
}

void Accuse(BlockState& state, const ValidateReveal& event, InferenceRecord& record,
            const AccountId& validator) {
  Participant& participant = state.participants.Change(keys::OfParticipant(validator));
  OpenDispute(
      state, event.inference, record,
      {.accuser = validator,
       .cause = event.verdict == Verdict::kFail ? DisputeCause::kFail : DisputeCause::kUnavailable,
       .purse = CollateralOf(participant),
       .bond = state.params.money.accusation_bond});
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const ValidateReveal& event) {
  const Key key = keys::Of(event.inference);
  const InferenceRecord* found = state.records.Find(key);
  if (found == nullptr) return TxCode::kUnknownInference;
  if (const TxCode code = CheckOpen(*found); code != TxCode::kOk) return code;
  InferenceRecord& record = state.records.Change(key);
  VerdictCommit* commit = CommitOf(record, sender);
  if (const TxCode code = CheckReveal(state, commit, sender, event); code != TxCode::kOk) {
    return code;
  }
  commit->reveal = event;
  // Who must not accuse now did its work all the same; who has no bond left did not.
  const uint64_t epoch = record.assignment.request.epoch;
  const TxCode able = Accuses(event.verdict) ? CheckAccuser(state, epoch, sender) : TxCode::kOk;
  const bool unbonded = able == TxCode::kInsufficientBalance;
  CountCheck(state, record, sender, unbonded ? Verdict::kInconclusive : event.verdict);
  const int32_t evidence = reputation::ClipEvidence(state.params.check, event.evidence_millinats);
  state.Tell(VerdictRevealed{.inference = event.inference,
                             .validator = sender,
                             .verdict = event.verdict,
                             .evidence_millinats = evidence});
  if (event.verdict == Verdict::kInconclusive || able != TxCode::kOk) {
    record.turn_height = state.height();  // The next in order takes over.
    return TxCode::kOk;
  }
  CloseCheck(state, event.inference, record);
  if (event.verdict == Verdict::kPass) {
    AcceptPass(state, event.inference, record);
  } else {
    Accuse(state, event, record, sender);
  }
  if (event.verdict != Verdict::kUnavailable && !commit->recheck) {
    AddEvidence(state, event.inference, record, sender, evidence);
  }
  return TxCode::kOk;
}

}  // namespace gonka::ledger
