#pragma once

// Disputes about one record, and what all cases share: voting and deadlines.

#include "ledger/money.h"

namespace gonka::ledger {

// A fail, an unavailable or a challenge. The bond waits in the case until the dispute is decided.
struct Accusation {
  AccountId accuser;
  DisputeCause cause = DisputeCause::kFail;
  Purse purse;
  Amount bond;
};
// Moves the record to disputed and waits for the draw of its committee. The purse holds the bond.
void OpenDispute(BlockState& state, const InferenceId& id, InferenceRecord& record,
                 const Accusation& accusation);
// Until here a dispute that is opened now is decided before its epoch is settled, substitutes
// included.
uint64_t LastHeightToChallenge(BlockState& state, uint64_t epoch);
// The draw of the committee: voting begins.
void SeatCommittee(BlockState& state, const CaseId& id, const Hash& seed);
// At the end of the time to commit: seats of the silent go to others, who get as much time. False
// where nobody was silent, or nobody is left, or this has been done often enough.
bool SeatSubstitutes(BlockState& state, const CaseId& id, Case& dispute);
// By the revealed votes, or undecided where settlement does not wait any longer
// (dispute_outcome.cc).
void DecideDispute(BlockState& state, const CaseId& id, Case& dispute, bool out_of_time);

// Registers a new case for its epoch.
Case& PutCase(BlockState& state, const CaseId& id, Case value);
void SetTimer(BlockState& state, uint64_t height, const CaseId& id);
// Ballots are known: opens voting, for so many blocks to commit.
void OpenVoting(BlockState& state, const CaseId& id, Case& open, uint32_t commit_blocks);
// At the end of a block: cases whose time has come.
void RunTimers(BlockState& state);
// At settlement: nothing stays open.
void CloseCases(BlockState& state, uint64_t epoch);

}  // namespace gonka::ledger
