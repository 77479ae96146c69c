#pragma once

// Sprint: the weights of the next epoch are earned at the end of this one. doc/protocol.md,
// "Sprint", is the whole rule. sprint.cc has the course of it and the commits, sprint_checks.cc
// checks and appeals, sprint_weights.cc what follows for the weights.

#include "ledger/block_state.h"

namespace gonka::ledger {

// What a participant that registers starts with: nothing where weight is earned.
uint64_t NewcomerWeight(const Params& params);

// At the end of a block: opens the Sprint of the epoch, or ends its phase.
void RunSprint(BlockState& state);
// The draws that were queued.
void DrawSprintInputs(BlockState& state, uint64_t epoch, const Hash& seed);
void DrawSprintSamples(BlockState& state, uint64_t epoch, const Hash& seed);

// When the epoch ends, before the next one's table is frozen: everybody's weight from what is
// proven.
void EarnWeights(BlockState& state, uint64_t epoch);

// One participant's commit for one model.
struct SprintSubject {
  uint64_t epoch = 0;
  AccountId participant;
  ModelId model;

  Key key() const { return keys::OfSprintEntry(epoch, participant, model); }
};
// All of an epoch, ascending by participant and model.
std::vector<SprintSubject> SprintSubjects(BlockState& state, uint64_t epoch);
uint32_t SamplesOf(const Params& params, const SprintEntry& entry);

// The checkers of a commit, once samples can be drawn.
void SeatCheckers(BlockState& state, const SprintSubject& subject, const Hash& seed);
// At the end of the time to commit: silent checkers are replaced by the next in order. False where
// nobody came in; the silent whom nobody replaces keep their place.
bool ReplaceSilent(BlockState& state, const SprintSubject& subject, const Hash& seed);
// Who has not committed by now has missed its duty.
void CloseCommits(BlockState& state, const SprintSubject& subject);
// The verdicts that were revealed decide, or the commit goes to appeal.
void JudgeChecks(BlockState& state, const SprintSubject& subject);
// Ballots that may still be committed, or revealed.
uint64_t CountSilent(const SprintEntry& entry);
uint64_t CountUnrevealed(const SprintEntry& entry);
void JudgeAppeal(BlockState& state, const SprintSubject& subject);

void DecideSprint(BlockState& state, const SprintSubject& subject, SprintOutcome outcome,
                  uint32_t proven);

}  // namespace gonka::ledger
