// Disputes: a committee of seats drawn by weight decides about one record.

#include <algorithm>
#include <map>
#include <utility>

#include "gonka/select/draw.h"
#include "ledger/cases.h"
#include "ledger/draws.h"
#include "ledger/evidence.h"
#include "ledger/hearings.h"
#include "ledger/members.h"
#include "ledger/money.h"
#include "ledger/records.h"

namespace gonka::ledger {
namespace {

// So that a dispute ends before its epoch is settled.
constexpr uint8_t kSubstitutionsMax = 2;

struct Count {
  uint32_t fail_seats = 0;
  uint32_t pass_seats = 0;
  uint32_t voters = 0;  // Who did not abstain.
};

Count CountVotes(const Case& dispute) {
  Count count;
  for (const Ballot& ballot : dispute.ballots) {
    if (!ballot.reveal || ballot.reveal->verdict == Verdict::kInconclusive) continue;
    const bool pass = ballot.reveal->verdict == Verdict::kPass;
    (pass ? count.pass_seats : count.fail_seats) += static_cast<uint32_t>(ballot.votes);
    ++count.voters;
  }
  return count;
}

DisputeOutcome OutcomeOf(const Count& count, const CheckParams& params) {
  if (count.voters < params.voters_min || count.fail_seats == count.pass_seats) {
    return DisputeOutcome::kUndecided;
  }
  return count.fail_seats > count.pass_seats ? DisputeOutcome::kUpheld : DisputeOutcome::kRejected;
}

void LowerReputation(BlockState& state, const AccountId& id) {
  Participant& participant = state.participants.Change(keys::OfParticipant(id));
  const uint32_t steps = std::max<uint32_t>(state.params.reputation.epochs_to_full, 1);
  const uint32_t step = (Ppm::kOne + steps - 1) / steps;
  const Ppm before = participant.reputation;
  participant.reputation.value -= std::min(step, before.value);
  if (participant.reputation == before) return;
  state.Tell(
      ReputationChanged{.participant = id, .before = before, .after = participant.reputation});
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
  LowerReputation(state, accuser);
  if (record.status != InferenceStatus::kDisputed) return;
  record.status = InferenceStatus::kValidated;
  const uint64_t epoch = record.assignment.request.epoch;
  ++state.standings.Ensure(keys::OfStanding(epoch, record.assignment.executor)).passes;
}

void LeaveUndecided(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  if (record.status != InferenceStatus::kDisputed) return;
  record.status = InferenceStatus::kUnchecked;
  RefundHeld(state, id, record, RefundReason::kUndecided);
}

// Seats are duties: who was silent has missed one.
void CountSilence(BlockState& state, const Case& dispute) {
  for (const Ballot& ballot : dispute.ballots) {
    if (!ballot.reveal) CountMiss(state, dispute.epoch, ballot.voter, 2);
  }
}

// Of every member: its weight where it may judge, otherwise 0.
std::vector<uint64_t> CandidatesFor(BlockState& state, const Case& dispute,
                                    const EpochTable& table) {
  const InferenceRecord& record = state.records.Get(keys::Of(dispute.records.front()));
  const AccountId excluded[] = {dispute.accused, *dispute.accuser, record.assignment.request.ta};
  return WeightsServingBut(table, dispute.model, excluded);
}

// Where there are enough candidates, voters_min different ones get the first seats, in drawn order;
// all other seats are drawn by weight, with replacement.
std::vector<size_t> DrawCommittee(const CheckParams& params, const Hash& seed,
                                  std::span<const uint64_t> weights) {
  const size_t distinct = std::min(params.voters_min, params.committee_seats);
  std::vector<size_t> seats = select::DrawOrder(seed, weights, distinct);
  const std::vector<size_t> others =
      select::DrawSeats(seed, weights, params.committee_seats - distinct);
  seats.insert(seats.end(), others.begin(), others.end());
  return seats;
}

}  // namespace

TxCode OpenDispute(BlockState& state, const InferenceId& id, InferenceRecord& record,
                   const AccountId& accuser, DisputeCause cause) {
  const uint64_t epoch = record.assignment.request.epoch;
  Standing& standing = state.standings.Ensure(keys::OfStanding(epoch, accuser));
  if (standing.accusations >= state.params.check.accusations_in_flight_max) {
    return TxCode::kQuotaExceeded;
  }
  Participant& participant = state.participants.Change(keys::OfParticipant(accuser));
  const Amount bond = state.params.money.accusation_bond;
  if (participant.collateral < bond) return TxCode::kInsufficientBalance;
  ++standing.accusations;
  record.status = InferenceStatus::kDisputed;
  const CaseId case_id = DisputeCase(id);
  Case dispute;
  dispute.kind = CaseKind::kDispute;
  dispute.epoch = epoch;
  dispute.accused = record.assignment.executor;
  dispute.accuser = accuser;
  dispute.cause = cause;
  dispute.model = record.assignment.request.model;
  dispute.records = {id};
  Case& open = PutCase(state, case_id, std::move(dispute));
  Move(state, CollateralOf(participant), BondOf(open), bond);
  state.Tell(
      DisputeOpened{.inference = id, .accused = open.accused, .accuser = accuser, .cause = cause});
  QueueCommitteeDraw(state, case_id);
  return TxCode::kOk;
}

void SeatCommittee(BlockState& state, const CaseId& id, const Hash& seed) {
  const Case* found = state.cases.Find(keys::Of(id));
  if (found == nullptr || found->decided || found->drawn) return;
  Case& dispute = state.cases.Change(keys::Of(id));
  dispute.seed = seed;
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(dispute.epoch));
  const std::vector<uint64_t> weights = CandidatesFor(state, dispute, table);
  CommitteeDrawn notice{.case_id = id, .inference = dispute.records.front(), .seats = {}};
  std::map<AccountId, uint64_t> seats;
  for (const size_t index : DrawCommittee(state.params.check, seed, weights)) {
    ++seats[table.members[index].id];
    notice.seats.push_back(table.members[index].id);
  }
  for (const auto& [voter, votes] : seats) {
    Ballot& ballot = dispute.ballots.emplace_back();
    ballot.voter = voter;
    ballot.votes = votes;
  }
  state.Tell(std::move(notice));
  OpenVoting(state, id, dispute, state.params.time.vote_window_blocks);
  if (seats.size() < state.params.check.voters_min) DecideDispute(state, id, dispute, true);
}

bool SeatSubstitutes(BlockState& state, const CaseId& id, Case& dispute) {
  if (dispute.kind != CaseKind::kDispute || dispute.substitutions >= kSubstitutionsMax)
    return false;
  std::vector<size_t> silent;
  for (size_t i = 0; i < dispute.ballots.size(); ++i) {
    const Ballot& ballot = dispute.ballots[i];
    if (ballot.votes > 0 && !ballot.commitment) silent.push_back(i);
  }
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(dispute.epoch));
  std::vector<uint64_t> weights = CandidatesFor(state, dispute, table);
  for (const Ballot& ballot : dispute.ballots) weights[*MemberIndex(table, ballot.voter)] = 0;
  const Hash seed = TaggedHash("gonka/draw/substitutes/1", dispute.seed, dispute.substitutions);
  const std::vector<size_t> drawn = select::DrawOrder(seed, weights, silent.size());
  if (drawn.empty()) return false;
  ++dispute.substitutions;
  for (size_t i = 0; i < drawn.size(); ++i) {
    Ballot ballot;
    ballot.voter = table.members[drawn[i]].id;
    ballot.votes = std::exchange(dispute.ballots[silent[i]].votes, 0);
    dispute.ballots.push_back(std::move(ballot));
  }
  std::sort(dispute.ballots.begin(), dispute.ballots.end(),
            [](const Ballot& a, const Ballot& b) { return a.voter < b.voter; });
  CommitteeDrawn notice{.case_id = id, .inference = dispute.records.front(), .seats = {}};
  for (const Ballot& ballot : dispute.ballots) {
    for (uint64_t seat = 0; seat < ballot.votes; ++seat) notice.seats.push_back(ballot.voter);
  }
  state.Tell(std::move(notice));
  OpenVoting(state, id, dispute, state.params.time.vote_window_blocks);
  return true;
}

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
                            .pass_seats = count.pass_seats});
  if (!out_of_time) CountSilence(state, dispute);
  const AccountId accuser = *dispute.accuser;
  --state.standings.Change(keys::OfStanding(dispute.epoch, accuser)).accusations;
  Participant& participant = state.participants.Change(keys::OfParticipant(accuser));
  const bool rejected = outcome == DisputeOutcome::kRejected;
  Move(state, BondOf(dispute), rejected ? Treasury() : CollateralOf(participant), dispute.bond);

  InferenceRecord& record = state.records.Change(keys::Of(id));
  switch (outcome) {
    case DisputeOutcome::kUpheld:
      return Uphold(state, id, record);
    case DisputeOutcome::kRejected:
      return Reject(state, record, accuser);
    case DisputeOutcome::kUndecided:
      return LeaveUndecided(state, id, record);
  }
}

}  // namespace gonka::ledger
