// Disputes: a committee of seats drawn by weight decides about one record. dispute_outcome.cc has
// what its votes come to.

#include <algorithm>
#include <map>
#include <utility>

#include "gonka/select/draw.h"
#include "ledger/cases.h"
#include "ledger/draws.h"
#include "ledger/epochs.h"
#include "ledger/members.h"

namespace gonka::ledger {
namespace {

// So that a dispute ends before its epoch is settled.
constexpr uint8_t kSubstitutionsMax = 2;

// Of every member: its weight where it may judge, otherwise 0. The transfer agent may where there
// are too few others to decide anything.
std::vector<uint64_t> CandidatesFor(BlockState& state, const Case& dispute,
                                    const EpochTable& table) {
  const InferenceRecord& record = state.records.Get(keys::Of(dispute.records.front()));
  const AccountId excluded[] = {dispute.accused, *dispute.accuser, record.assignment.request.ta};
  const std::span<const AccountId> all(excluded);
  std::vector<uint64_t> weights = WeightsServingBut(table, dispute.model, all);
  const auto judges = std::count_if(weights.begin(), weights.end(), [](auto w) { return w > 0; });
  if (judges >= state.params.check.voters_min) return weights;
  return WeightsServingBut(table, dispute.model, all.first(2));
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

void OpenDispute(BlockState& state, const InferenceId& id, InferenceRecord& record,
                 const Accusation& accusation) {
  const uint64_t epoch = record.assignment.request.epoch;
  ++state.standings.Ensure(keys::OfStanding(epoch, accusation.accuser)).accusations;
  record.status = InferenceStatus::kDisputed;
  const CaseId case_id = DisputeCase(id);
  Case dispute;
  dispute.kind = CaseKind::kDispute;
  dispute.epoch = epoch;
  dispute.accused = record.assignment.executor;
  dispute.accuser = accusation.accuser;
  dispute.cause = accusation.cause;
  dispute.model = record.assignment.request.model;
  dispute.records = {id};
  Case& open = PutCase(state, case_id, std::move(dispute));
  Move(state, accusation.purse, BondOf(open), accusation.bond);
  state.Tell(DisputeOpened{.inference = id,
                           .accused = open.accused,
                           .accuser = accusation.accuser,
                           .cause = accusation.cause});
  QueueCommitteeDraw(state, case_id);
}

// Two links, kSubstitutionsMax more times to commit, one to reveal; each ends within its last
// block.
uint64_t LastHeightToChallenge(BlockState& state, uint64_t epoch) {
  const uint64_t needed =
      2 + (kSubstitutionsMax + 2) * uint64_t{state.params.time.vote_window_blocks};
  const uint64_t settled = SettlementHeight(state, epoch);
  return settled - std::min(settled, needed + 1);
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

}  // namespace gonka::ledger
