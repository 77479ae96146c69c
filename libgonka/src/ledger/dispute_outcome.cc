// What a committee's votes come to, and what follows for record, executor and accuser.

#include <algorithm>

#include "ledger/cases.h"
#include "ledger/evidence.h"
#include "ledger/hearings.h"
#include "ledger/maintenance.h"
#include "ledger/money.h"
#include "ledger/penalty.h"
#include "ledger/recheck.h"
#include "ledger/records.h"

namespace gonka::ledger {
namespace {

struct Count {
  uint32_t seats = 0;  // All there are.
  uint32_t fail_seats = 0;
  uint32_t pass_seats = 0;
  uint32_t unavailable_seats = 0;
  uint32_t judges = 0;  // Who saw the answer and did not abstain.
  uint32_t unserved = 0;
};

Count CountVotes(const Case& dispute) {
  Count count;
  for (const Ballot& ballot : dispute.ballots) {
    const auto votes = static_cast<uint32_t>(ballot.votes);
    count.seats += votes;
    if (!ballot.reveal || ballot.reveal->verdict == Verdict::kInconclusive) continue;
    if (ballot.reveal->verdict == Verdict::kUnavailable) {
      count.unavailable_seats += votes;
      ++count.unserved;
      continue;
    }
    (ballot.reveal->verdict == Verdict::kPass ? count.pass_seats : count.fail_seats) += votes;
    ++count.judges;
  }
  return count;
}

// Executor and transfer agent were silent to most of the committee.
bool IsUnavailable(const Count& count, const CheckParams& params) {
  return 2 * count.unavailable_seats > count.seats &&
         count.judges + count.unserved >= params.voters_min;
}

// Fewer silences say nothing about the answer: those who saw it decide.
DisputeOutcome OutcomeOf(const Count& count, const CheckParams& params) {
  if (IsUnavailable(count, params)) return DisputeOutcome::kUpheld;
  if (count.judges < params.voters_min || count.fail_seats == count.pass_seats) {
    return DisputeOutcome::kUndecided;
  }
  return count.fail_seats > count.pass_seats ? DisputeOutcome::kUpheld : DisputeOutcome::kRejected;
}

// A record that a conviction has refunded meanwhile stays as it is; only the accuser's bond and
// standing are left to decide about.
void Uphold(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  const uint64_t epoch = record.assignment.request.epoch;
  const AccountId& executor = record.assignment.executor;
  ++state.standings.Ensure(keys::OfStanding(epoch, executor)).fails;
  if (record.status != InferenceStatus::kDisputed) return;
  record.status = InferenceStatus::kInvalidated;
  RefundHeld(state, id, record, RefundReason::kInvalid);
  OpenHearing(state, epoch, executor, record.assignment.request.model, {id});
}

void Reject(BlockState& state, InferenceRecord& record, const AccountId& accuser) {
  WithdrawEvidence(state, record, accuser);
  if (record.status != InferenceStatus::kDisputed) return;
  record.status = InferenceStatus::kValidated;
  if (HasPass(record)) return;  // Counted when it was revealed.
  const uint64_t epoch = record.assignment.request.epoch;
  ++state.standings.Ensure(keys::OfStanding(epoch, record.assignment.executor)).passes;
}

void LeaveUndecided(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  if (record.status != InferenceStatus::kDisputed) return;
  record.status = InferenceStatus::kUnchecked;
  RefundHeld(state, id, record, RefundReason::kUndecided);
}

// Seats are duties: who was silent has missed one, unless it was announced to be away.
void CountSilence(BlockState& state, const Case& dispute) {
  const uint64_t from =
      dispute.commit_until -
      std::min<uint64_t>(dispute.commit_until, state.params.time.vote_window_blocks);
  for (const Ballot& ballot : dispute.ballots) {
    if (ballot.reveal || WasAway(state, ballot.voter, from, state.height())) continue;
    CountMiss(state, dispute.epoch, ballot.voter, 2);
  }
}

Purse PurseOfAccuser(BlockState& state, const Case& dispute) {
  const AccountId& accuser = *dispute.accuser;
  if (dispute.cause == DisputeCause::kChallenge) {
    return BalanceOf(state.accounts.Change(keys::Of(accuser)));
  }
  return CollateralOf(state.participants.Change(keys::OfParticipant(accuser)));
}

// The bond goes home unless the accusation is rejected. Whether executor and transfer agent were
// silent to the accuser alone nobody can know, so an unavailable that is not confirmed is no false
// accusation; but no check was done either, and that is a missed duty.
void CloseAccusation(BlockState& state, Case& dispute, bool rejected) {
  const AccountId accuser = *dispute.accuser;
  Standing& standing = state.standings.Change(keys::OfStanding(dispute.epoch, accuser));
  GONKA_CHECK(standing.accusations > 0);
  --standing.accusations;
  if (!rejected || dispute.cause == DisputeCause::kUnavailable) {
    Move(state, BondOf(dispute), PurseOfAccuser(state, dispute), dispute.bond);
    if (rejected) CountMiss(state, dispute.epoch, accuser, 2);
    return;
  }
  const Amount bond = dispute.bond;
  Move(state, BondOf(dispute), Treasury(), bond);
  Penalise(state, dispute.records.front(), accuser, bond,
           dispute.cause == DisputeCause::kChallenge ? PenaltyReason::kRejectedChallenge
                                                     : PenaltyReason::kRejectedAccusation);
}

}  // namespace

void DecideDispute(BlockState& state, const CaseId&, Case& dispute, bool out_of_time) {
  const InferenceId id = dispute.records.front();
  const Count count = CountVotes(dispute);
  const DisputeOutcome outcome =
      out_of_time ? DisputeOutcome::kUndecided : OutcomeOf(count, state.params.check);
  dispute.decided = true;
  dispute.upheld = outcome == DisputeOutcome::kUpheld;
  state.Tell(DisputeDecided{.inference = id,
                            .outcome = outcome,
                            .fail_seats = count.fail_seats,
                            .pass_seats = count.pass_seats,
                            .unavailable_seats = count.unavailable_seats});
  if (!out_of_time) CountSilence(state, dispute);
  CloseAccusation(state, dispute, outcome == DisputeOutcome::kRejected);

  InferenceRecord& record = state.records.Change(keys::Of(id));
  switch (outcome) {
    case DisputeOutcome::kUpheld:
      // Who passed it before payload and artifact were withheld was not wrong.
      if (!IsUnavailable(count, state.params.check)) OverturnPasses(state, id, record);
      return Uphold(state, id, record);
    case DisputeOutcome::kRejected:
      return Reject(state, record, *dispute.accuser);
    case DisputeOutcome::kUndecided:
      return LeaveUndecided(state, id, record);
  }
}

}  // namespace gonka::ledger
