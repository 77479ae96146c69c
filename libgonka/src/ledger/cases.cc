// Voting: the same in a dispute and in a hearing.

#include "ledger/cases.h"

#include <algorithm>

#include "ledger/draws.h"
#include "ledger/events.h"
#include "ledger/hearings.h"
#include "ledger/records.h"

namespace gonka::ledger {
namespace {

Ballot* BallotOf(Case& open, const AccountId& voter) {
  const auto found = std::lower_bound(
      open.ballots.begin(), open.ballots.end(), voter,
      [](const Ballot& ballot, const AccountId& key) { return ballot.voter < key; });
  return found != open.ballots.end() && found->voter == voter ? &*found : nullptr;
}

bool AllCommitted(const Case& open) {
  return std::all_of(open.ballots.begin(), open.ballots.end(), [](const Ballot& ballot) {
    return ballot.votes == 0 || ballot.commitment.has_value();
  });
}

// Nothing can change any more: whoever could reveal has.
bool IsVotingOver(const Case& open, uint64_t height) {
  if (height >= open.reveal_until) return true;
  if (height < open.commit_until && !AllCommitted(open)) return false;
  return std::all_of(open.ballots.begin(), open.ballots.end(), [](const Ballot& ballot) {
    return !ballot.commitment || ballot.reveal.has_value();
  });
}

void Decide(BlockState& state, const CaseId& id, Case& open, bool out_of_time) {
  if (open.kind == CaseKind::kDispute) return DecideDispute(state, id, open, out_of_time);
  DecideHearing(state, id, open, out_of_time);
}

TxCode CheckOpen(const Case* open) {
  if (open == nullptr) return TxCode::kUnknownCase;
  if (open->decided) return TxCode::kTooLate;
  return open->drawn ? TxCode::kOk : TxCode::kTooEarly;
}

}  // namespace

Case& PutCase(BlockState& state, const CaseId& id, Case value) {
  state.index.Put(keys::OfEpochCase(value.epoch, id), {});
  return state.cases.Put(keys::Of(id), std::move(value));
}

void SetTimer(BlockState& state, uint64_t height, const CaseId& id) {
  state.index.Put(keys::OfTimer(height, id), {});
}

void OpenVoting(BlockState& state, const CaseId& id, Case& open, uint32_t commit_blocks) {
  open.drawn = true;
  open.commit_until = state.height() + commit_blocks;
  open.reveal_until = open.commit_until + state.params.time.vote_window_blocks;
  SetTimer(state, open.commit_until, id);
  SetTimer(state, open.reveal_until, id);
}

void RunTimers(BlockState& state) {
  const Key end = Key('t').AddNumber(state.height() + 1);
  for (const Key& key : state.index.Keys(Key('t'), SIZE_MAX, &end)) {
    KeyReader reader(key.span());
    reader.NextNumber();
    const CaseId id{reader.NextHash()};
    state.index.Erase(key);
    const Case* found = state.cases.Find(keys::Of(id));
    if (found == nullptr || found->decided) continue;
    Case& open = state.cases.Change(keys::Of(id));
    if (!open.drawn) {
      StopWaiting(state, id, open);
    } else if (state.height() == open.commit_until && SeatSubstitutes(state, id, open)) {
      continue;
    } else if (IsVotingOver(open, state.height())) {
      Decide(state, id, open, false);
    }
  }
}

void CloseCases(BlockState& state, uint64_t epoch) {
  for (const Key& key : state.index.Keys(Key('u').AddNumber(epoch))) {
    KeyReader reader(key.span());
    reader.NextNumber();
    const CaseId id{reader.NextHash()};
    Case& open = state.cases.Change(keys::Of(id));
    if (!open.decided) Decide(state, id, open, true);
  }
}

TxCode Apply(BlockState& state, const AccountId& sender, const VoteCommit& event) {
  const Key key = keys::Of(event.case_id);
  if (const TxCode code = CheckOpen(state.cases.Find(key)); code != TxCode::kOk) return code;
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  Case& open = state.cases.Change(key);
  if (state.height() > open.commit_until) return TxCode::kTooLate;
  Ballot* ballot = BallotOf(open, sender);
  if (ballot == nullptr || ballot->votes == 0) return TxCode::kNotAssigned;
  if (ballot->commitment) {
    return *ballot->commitment == event.commitment ? TxCode::kAlreadyDone
                                                   : TxCode::kConflictsWithRecord;
  }
  ballot->commitment = event.commitment;
  return TxCode::kOk;
}

namespace {

// Who could not judge was no help: a missed duty in a dispute, nothing in a hearing, where nobody
// has to vote.
void CountVote(BlockState& state, const Case& open, const AccountId& voter, Verdict verdict) {
  if (verdict == Verdict::kInconclusive) {
    if (open.kind == CaseKind::kDispute) CountMiss(state, open.epoch, voter, 2);
    return;
  }
  Standing& standing = state.standings.Ensure(keys::OfStanding(open.epoch, voter));
  ++standing.duties;
  ++standing.checks;
  for (const InferenceId& id : open.records) {
    const InferenceRecord* record = state.records.Find(keys::Of(id));
    if (record == nullptr || !record->finish) continue;
    standing.checked_tokens +=
        uint64_t{record->assignment.prompt_tokens} + record->finish->output_tokens;
  }
}

TxCode CheckVote(const BlockState& state, const Case& open, const Ballot* ballot,
                 const AccountId& voter, const VoteReveal& event) {
  if (ballot == nullptr || !ballot->commitment) return TxCode::kNotAssigned;
  if (ballot->reveal) return TxCode::kAlreadyDone;
  if (state.height() <= open.commit_until && !AllCommitted(open)) return TxCode::kTooEarly;
  const bool same = VoteCommitment(voter, event) == *ballot->commitment;
  return same ? TxCode::kOk : TxCode::kCommitmentMismatch;
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const VoteReveal& event) {
  const Key key = keys::Of(event.case_id);
  if (const TxCode code = CheckOpen(state.cases.Find(key)); code != TxCode::kOk) return code;
  Case& open = state.cases.Change(key);
  Ballot* ballot = BallotOf(open, sender);
  if (const TxCode code = CheckVote(state, open, ballot, sender, event); code != TxCode::kOk) {
    return code;
  }
  ballot->reveal = event;
  CountVote(state, open, sender, event.verdict);
  state.Tell(VoteRevealed{.case_id = event.case_id,
                          .voter = sender,
                          .verdict = event.verdict,
                          .evidence_millinats = event.evidence_millinats,
                          .votes = ballot->votes});
  if (IsVotingOver(open, state.height())) Decide(state, event.case_id, open, false);
  return TxCode::kOk;
}

}  // namespace gonka::ledger
