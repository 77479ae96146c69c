// Sprint: checkers recompute a sample of each commit, commit to a verdict and reveal it. Where they
// do not all pass it, everybody else who serves the model does the same, and more than half of
// their weight decides.

#include <algorithm>

#include "gonka/protocol/sprint.h"
#include "gonka/rewards/sprint.h"
#include "gonka/select/draw.h"
#include "ledger/collateral.h"
#include "ledger/events.h"
#include "ledger/maintenance.h"
#include "ledger/members.h"
#include "ledger/penalty.h"
#include "ledger/records.h"
#include "ledger/sprint.h"

namespace gonka::ledger {
namespace {

using Ballots = List<SprintBallot, 4096>;

SprintBallot* BallotOf(Ballots& ballots, const AccountId& checker) {
  const auto found = std::lower_bound(
      ballots.begin(), ballots.end(), checker,
      [](const SprintBallot& ballot, const AccountId& key) { return ballot.checker < key; });
  return found != ballots.end() && found->checker == checker ? &*found : nullptr;
}

void SortBallots(Ballots& ballots) {
  std::sort(ballots.begin(), ballots.end(),
            [](const SprintBallot& a, const SprintBallot& b) { return a.checker < b.checker; });
}

std::vector<uint64_t> Candidates(const EpochTable& table, const SprintSubject& subject) {
  const AccountId excluded[] = {subject.participant};
  return WeightsServingBut(table, subject.model, excluded);
}

void SeatChecker(Ballots& ballots, const AccountId& checker) {
  SprintBallot& ballot = ballots.emplace_back();
  ballot.checker = checker;
  ballot.votes = 1;
  ballot.drawn = true;
}

bool IsSilent(const SprintBallot& ballot) {
  return ballot.votes > 0 && !ballot.commitment && !ballot.finding;
}

// Silence is a missed duty, but of who has said ahead that it would be away.
void CountSilence(BlockState& state, const SprintSubject& subject, const AccountId& checker,
                  uint32_t blocks) {
  const uint64_t from = state.height() - std::min<uint64_t>(state.height(), blocks);
  if (!WasAway(state, checker, from, state.height())) CountMiss(state, subject.epoch, checker, 2);
}

void TellCheckers(BlockState& state, const SprintSubject& subject, std::vector<AccountId> checkers,
                  bool appeal) {
  SprintCheckDrawn notice{.epoch = subject.epoch,
                          .participant = subject.participant,
                          .model = subject.model,
                          .appeal = appeal,
                          .checkers = {},
                          .commit_until = state.height() + state.params.sprint.check_blocks};
  for (const AccountId& checker : checkers) notice.checkers.push_back(checker);
  state.Tell(std::move(notice));
}

}  // namespace

uint32_t SamplesOf(const Params& params, const SprintEntry& entry) {
  return std::min(params.sprint.samples, entry.count);
}

void SeatCheckers(BlockState& state, const SprintSubject& subject, const Hash& seed) {
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(subject.epoch));
  const Hash order_seed = SprintCheckersSeed(seed, subject.participant, subject.model);
  std::vector<AccountId> checkers;
  for (const size_t index :
       select::DrawOrder(order_seed, Candidates(table, subject), state.params.sprint.checkers)) {
    checkers.push_back(table.members[index].id);
  }
  SprintEntry& entry = state.sprint_entries.Change(subject.key());
  for (const AccountId& checker : checkers) SeatChecker(entry.ballots, checker);
  SortBallots(entry.ballots);
  TellCheckers(state, subject, std::move(checkers), false);
}

bool ReplaceSilent(BlockState& state, const SprintSubject& subject, const Hash& seed) {
  const SprintEntry& before = state.sprint_entries.Get(subject.key());
  if (std::none_of(before.ballots.begin(), before.ballots.end(), IsSilent)) return false;
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(subject.epoch));
  const Hash order_seed = SprintCheckersSeed(seed, subject.participant, subject.model);
  // Whoever has had a place is the beginning of the order.
  const std::vector<size_t> order =
      select::DrawOrder(order_seed, Candidates(table, subject), 2 * before.ballots.size());
  std::vector<AccountId> fresh;
  SprintEntry& entry = state.sprint_entries.Change(subject.key());
  size_t next = entry.ballots.size();
  for (SprintBallot& ballot : entry.ballots) {
    if (next >= order.size()) break;
    if (!IsSilent(ballot)) continue;
    CountSilence(state, subject, ballot.checker, state.params.sprint.check_blocks);
    ballot.votes = 0;
    fresh.push_back(table.members[order[next++]].id);
  }
  if (fresh.empty()) return false;
  for (const AccountId& checker : fresh) SeatChecker(entry.ballots, checker);
  SortBallots(entry.ballots);
  TellCheckers(state, subject, std::move(fresh), false);
  return true;
}

void CloseCommits(BlockState& state, const SprintSubject& subject) {
  SprintEntry& entry = state.sprint_entries.Change(subject.key());
  if (entry.appealed) return;  // Where nobody has to vote.
  for (SprintBallot& ballot : entry.ballots) {
    if (!IsSilent(ballot)) continue;
    CountSilence(state, subject, ballot.checker, state.params.sprint.check_blocks);
    ballot.votes = 0;
  }
}

uint64_t CountSilent(const SprintEntry& entry) {
  return static_cast<uint64_t>(std::count_if(entry.ballots.begin(), entry.ballots.end(), IsSilent));
}

uint64_t CountUnrevealed(const SprintEntry& entry) {
  return static_cast<uint64_t>(std::count_if(
      entry.ballots.begin(), entry.ballots.end(),
      [](const SprintBallot& ballot) { return ballot.commitment && !ballot.finding; }));
}

namespace {

struct Count {
  uint64_t all = 0;
  uint64_t pass = 0;
  uint64_t fail = 0;
  uint64_t unavailable = 0;
};

Count CountBallots(const SprintEntry& entry) {
  Count count;
  for (const SprintBallot& ballot : entry.ballots) {
    count.all += ballot.votes;
    if (!ballot.finding) continue;
    switch (ballot.finding->verdict) {
      case Verdict::kPass:
        count.pass += ballot.votes;
        break;
      case Verdict::kFail:
        count.fail += ballot.votes;
        break;
      case Verdict::kUnavailable:
        count.unavailable += ballot.votes;
        break;
      case Verdict::kInconclusive:
        break;
    }
  }
  return count;
}

// Of what those who passed it could reproduce, by votes, the lower median.
uint32_t ProvenOf(const SprintEntry& entry, uint64_t pass_votes) {
  std::vector<std::pair<uint32_t, uint64_t>> passes;
  for (const SprintBallot& ballot : entry.ballots) {
    if (ballot.finding && ballot.finding->verdict == Verdict::kPass) {
      passes.emplace_back(ballot.finding->proven, ballot.votes);
    }
  }
  std::sort(passes.begin(), passes.end());
  uint64_t votes = 0;
  for (const auto& [proven, own] : passes) {
    votes += own;
    if (votes >= pass_votes - votes) return proven;
  }
  return 0;
}

// Commits that were never revealed are gone: their authors may vote anew in the appeal.
void DropUnrevealed(BlockState& state, const SprintSubject& subject, SprintEntry& entry) {
  for (SprintBallot& ballot : entry.ballots) {
    if (!ballot.commitment || ballot.finding) continue;
    CountSilence(state, subject, ballot.checker, state.params.sprint.reveal_blocks);
    ballot.commitment.reset();
  }
}

void OpenAppeal(BlockState& state, const SprintSubject& subject, SprintEntry& entry) {
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(subject.epoch));
  const std::vector<uint64_t> weights = Candidates(table, subject);
  entry.appealed = true;
  Ballots ballots;
  for (size_t i = 0; i < weights.size(); ++i) {
    const AccountId& id = table.members[i].id;
    const SprintBallot* known = BallotOf(entry.ballots, id);
    const bool removed = state.participants.Get(keys::OfParticipant(id)).removed;
    if (weights[i] == 0 || (removed && known == nullptr)) continue;
    SprintBallot& ballot = ballots.emplace_back(known != nullptr ? *known : SprintBallot{});
    ballot.checker = id;
    ballot.votes = removed ? 0 : weights[i];
  }
  entry.ballots = std::move(ballots);
  TellCheckers(state, subject, {}, true);
}

void PenaliseChecker(BlockState& state, const AccountId& id) {
  Participant& checker = state.participants.Change(keys::OfParticipant(id));
  const Amount bond = TakeStake(state, checker, Treasury(), state.params.money.accusation_bond);
  Penalise(state, InferenceId{}, id, bond, PenaltyReason::kSprintVerdict);
}

// Checkers whom the weight contradicts. Whether they alone were not served nobody can know, so
// crying "unavailable" in vain is a missed duty (decision 60).
void PenaliseCheckers(BlockState& state, const SprintSubject& subject, const SprintEntry& entry,
                      Verdict wrong) {
  for (const SprintBallot& ballot : entry.ballots) {
    if (!ballot.drawn || !ballot.finding) continue;
    if (ballot.finding->verdict == wrong) {
      PenaliseChecker(state, ballot.checker);
    } else if (wrong == Verdict::kFail && ballot.finding->verdict == Verdict::kUnavailable) {
      CountMiss(state, subject.epoch, ballot.checker, 2);
    }
  }
}

}  // namespace

void DecideSprint(BlockState& state, const SprintSubject& subject, SprintOutcome outcome,
                  uint32_t proven) {
  SprintEntry& entry = state.sprint_entries.Change(subject.key());
  const uint32_t samples = SamplesOf(state.params, entry);
  const uint32_t weight = state.models.Get(keys::Of(subject.model)).sprint_weight;
  entry.outcome = outcome;
  entry.proven = proven;
  if (outcome == SprintOutcome::kProven) {
    entry.weight = rewards::SprintWeight(entry.count, proven, samples, weight);
  } else if (outcome == SprintOutcome::kFalse) {
    entry.weight = 0;
  }
  state.Tell(SprintDecided{.epoch = subject.epoch,
                           .participant = subject.participant,
                           .model = subject.model,
                           .outcome = outcome,
                           .proven = proven,
                           .samples = samples,
                           .weight = entry.weight});
}

void JudgeChecks(BlockState& state, const SprintSubject& subject) {
  SprintEntry& entry = state.sprint_entries.Change(subject.key());
  DropUnrevealed(state, subject, entry);
  const Count count = CountBallots(entry);
  if (count.fail + count.unavailable > 0) return OpenAppeal(state, subject, entry);
  if (count.pass == 0) {
    DecideSprint(state, subject, SprintOutcome::kVoid, 0);
  } else {
    DecideSprint(state, subject, SprintOutcome::kProven, ProvenOf(entry, count.pass));
  }
}

void JudgeAppeal(BlockState& state, const SprintSubject& subject) {
  const SprintEntry& entry = state.sprint_entries.Get(subject.key());
  const Count count = CountBallots(entry);
  const uint64_t against = count.fail + count.unavailable;
  if (count.pass > count.all - count.pass) {
    PenaliseCheckers(state, subject, entry, Verdict::kFail);
    return DecideSprint(state, subject, SprintOutcome::kProven, ProvenOf(entry, count.pass));
  }
  if (against <= count.all - against) return DecideSprint(state, subject, SprintOutcome::kVoid, 0);
  // Who passed it before the openings were withheld was not wrong.
  if (count.fail > count.unavailable) PenaliseCheckers(state, subject, entry, Verdict::kPass);
  DecideSprint(state, subject, SprintOutcome::kFalse, 0);
}

namespace {

// The entry that is open to this step, or why there is none.
TxCode CheckStep(BlockState& state, const SprintSubject& subject, SprintPhase checks,
                 SprintPhase appeal) {
  if (subject.epoch != state.chain.epoch) return TxCode::kWrongEpoch;
  const SprintEntry* entry = state.sprint_entries.Find(subject.key());
  if (entry == nullptr) return TxCode::kUnknownSprint;
  if (entry->outcome) return TxCode::kTooLate;
  const SprintPhase now = state.sprints.Get(keys::OfSprint(subject.epoch)).phase;
  if (now < checks) return TxCode::kTooEarly;
  if (now == checks || now == appeal) return TxCode::kOk;
  return now < appeal && entry->appealed ? TxCode::kTooEarly : TxCode::kTooLate;
}

bool FitsSamples(const BlockState& state, const SprintEntry& entry,
                 const SprintVerdictReveal& event) {
  const uint32_t samples = SamplesOf(state.params, entry);
  const bool enough =
      uint64_t{event.proven} * Ppm::kOne >= uint64_t{samples} * state.params.sprint.share_min.value;
  switch (event.verdict) {
    case Verdict::kPass:
      return enough && event.proven <= samples;
    case Verdict::kFail:
      return !enough;
    case Verdict::kInconclusive:
    case Verdict::kUnavailable:
      return event.proven == 0;
  }
  return false;
}

// As of other checks: who could not judge has missed its duty, but in an appeal nobody has one.
void CountCheck(BlockState& state, const SprintSubject& subject, const SprintEntry& entry,
                const AccountId& checker, Verdict verdict) {
  if (verdict == Verdict::kInconclusive) {
    if (!entry.appealed) CountMiss(state, subject.epoch, checker, 2);
    return;
  }
  const SprintShape shape =
      SprintShapeOf(state.params.sprint, state.models.Get(keys::Of(subject.model)));
  Standing& standing = state.standings.Ensure(keys::OfStanding(subject.epoch, checker));
  ++standing.duties;
  ++standing.checks;
  standing.checked_tokens += uint64_t{SamplesOf(state.params, entry)} * shape.tokens;
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const SprintVerdictCommit& event) {
  const SprintSubject subject{event.epoch, event.participant, event.model};
  TxCode code = CheckStep(state, subject, SprintPhase::kCheck, SprintPhase::kAppeal);
  if (code == TxCode::kOk) code = CheckParticipant(state, sender);
  if (code != TxCode::kOk) return code;
  SprintEntry& entry = state.sprint_entries.Change(subject.key());
  SprintBallot* ballot = BallotOf(entry.ballots, sender);
  if (ballot == nullptr || ballot->votes == 0) return TxCode::kNotAssigned;
  if (ballot->commitment) {
    return *ballot->commitment == event.commitment ? TxCode::kAlreadyDone
                                                   : TxCode::kConflictsWithRecord;
  }
  ballot->commitment = event.commitment;
  --state.sprints.Change(keys::OfSprint(event.epoch)).waiting;
  return TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const SprintVerdictReveal& event) {
  const SprintSubject subject{event.epoch, event.participant, event.model};
  const TxCode code = CheckStep(state, subject, SprintPhase::kReveal, SprintPhase::kAppealReveal);
  if (code != TxCode::kOk) return code;
  SprintEntry& entry = state.sprint_entries.Change(subject.key());
  SprintBallot* ballot = BallotOf(entry.ballots, sender);
  if (ballot == nullptr || !ballot->commitment) return TxCode::kNotAssigned;
  if (ballot->finding) return TxCode::kAlreadyDone;
  if (SprintVerdictCommitment(sender, event) != *ballot->commitment) {
    return TxCode::kCommitmentMismatch;
  }
  if (!FitsSamples(state, entry, event)) return TxCode::kMalformed;
  ballot->finding = SprintFinding{.verdict = event.verdict, .proven = event.proven};
  --state.sprints.Change(keys::OfSprint(event.epoch)).waiting;
  CountCheck(state, subject, entry, sender, event.verdict);
  state.Tell(SprintVerdictRevealed{.epoch = event.epoch,
                                   .participant = event.participant,
                                   .model = event.model,
                                   .checker = sender,
                                   .verdict = event.verdict,
                                   .proven = event.proven,
                                   .votes = ballot->votes});
  return TxCode::kOk;
}

}  // namespace gonka::ledger
