#include "ledger/sprint.h"

#include <algorithm>

#include "gonka/ledger/queries.h"
#include "gonka/protocol/sprint.h"
#include "gonka/rewards/sprint.h"
#include "ledger/convict.h"
#include "ledger/delegation.h"
#include "ledger/draws.h"
#include "ledger/events.h"
#include "ledger/members.h"

namespace gonka::ledger {
namespace {

uint64_t FirstHeight(const BlockState& state) {
  return state.chain.epoch_first_height + state.params.time.epoch_blocks -
         state.params.sprint.lead_blocks;
}

void Enter(BlockState& state, Sprint& sprint, SprintPhase phase, uint32_t blocks) {
  sprint.phase = phase;
  sprint.until = state.height() + blocks;
}

// The weight of those who have committed, each once, in that of all who stay.
bool HasQuorum(BlockState& state, uint64_t epoch) {
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(epoch));
  std::vector<AccountId> committed;
  for (const SprintSubject& subject : SprintSubjects(state, epoch)) {
    committed.push_back(subject.participant);
  }
  uint64_t total = 0;
  uint64_t present = 0;
  for (const Member& member : table.members) {
    if (CheckNotLeft(state, member.id, epoch + 1) != TxCode::kOk) continue;
    total += member.proven_weight;
    const bool has = std::binary_search(committed.begin(), committed.end(), member.id);
    if (has) present += member.proven_weight;
  }
  using Wide = unsigned __int128;
  return !committed.empty() &&
         Wide{present} * Ppm::kOne >= Wide{total} * state.params.sprint.quorum.value;
}

void EndWindow(BlockState& state, uint64_t epoch, Sprint& sprint) {
  if (!HasQuorum(state, epoch)) {
    sprint.is_void = true;
    return Enter(state, sprint, SprintPhase::kOver, 0);
  }
  Enter(state, sprint, SprintPhase::kSampling, 0);
  QueueSprintSamplesDraw(state, epoch);
}

// Those that are not decided yet.
template <class F>
void ForEachOpen(BlockState& state, uint64_t epoch, const F& visit) {
  for (const SprintSubject& subject : SprintSubjects(state, epoch)) {
    if (!state.sprint_entries.Get(subject.key()).outcome) visit(subject);
  }
}

// A phase in which ballots are waited for.
void Await(BlockState& state, uint64_t epoch, SprintPhase phase, uint32_t blocks,
           uint64_t (*count)(const SprintEntry&)) {
  Sprint& sprint = state.sprints.Change(keys::OfSprint(epoch));
  Enter(state, sprint, phase, blocks);
  sprint.waiting = 0;
  ForEachOpen(state, epoch, [&](const SprintSubject& subject) {
    sprint.waiting += count(state.sprint_entries.Get(subject.key()));
  });
}

void AwaitCommits(BlockState& state, uint64_t epoch, SprintPhase phase) {
  Await(state, epoch, phase, state.params.sprint.check_blocks, CountSilent);
}

void AwaitReveals(BlockState& state, uint64_t epoch, SprintPhase phase) {
  ForEachOpen(state, epoch, [&](const auto& subject) { CloseCommits(state, subject); });
  Await(state, epoch, phase, state.params.sprint.reveal_blocks, CountUnrevealed);
}

void EndChecks(BlockState& state, uint64_t epoch, Sprint& sprint) {
  if (sprint.round < kSprintRounds) {
    bool replaced = false;
    ForEachOpen(state, epoch, [&](const auto& subject) {
      replaced = ReplaceSilent(state, subject, sprint.sample_seed) || replaced;
    });
    if (replaced) {
      ++sprint.round;
      return AwaitCommits(state, epoch, SprintPhase::kCheck);
    }
  }
  AwaitReveals(state, epoch, SprintPhase::kReveal);
}

void EndReveals(BlockState& state, uint64_t epoch, Sprint& sprint) {
  bool appeals = false;
  ForEachOpen(state, epoch, [&](const auto& subject) {
    JudgeChecks(state, subject);
    appeals = appeals || state.sprint_entries.Get(subject.key()).appealed;
  });
  if (appeals) return AwaitCommits(state, epoch, SprintPhase::kAppeal);
  Enter(state, sprint, SprintPhase::kOver, 0);
}

void EndAppeal(BlockState& state, uint64_t epoch, Sprint& sprint) {
  ForEachOpen(state, epoch, [&](const auto& subject) { JudgeAppeal(state, subject); });
  Enter(state, sprint, SprintPhase::kOver, 0);
}

void EndPhase(BlockState& state, uint64_t epoch, Sprint& sprint) {
  switch (sprint.phase) {
    case SprintPhase::kCompute:
      return EndWindow(state, epoch, sprint);
    case SprintPhase::kCheck:
      return EndChecks(state, epoch, sprint);
    case SprintPhase::kReveal:
      return EndReveals(state, epoch, sprint);
    case SprintPhase::kAppeal:
      return AwaitReveals(state, epoch, SprintPhase::kAppealReveal);
    case SprintPhase::kAppealReveal:
      return EndAppeal(state, epoch, sprint);
    case SprintPhase::kSeed:
    case SprintPhase::kSampling:
    case SprintPhase::kOver:
      return;
  }
}

// Only time ends the window; the others end once nothing is waited for.
bool IsPhaseOver(const Sprint& sprint, uint64_t height) {
  switch (sprint.phase) {
    case SprintPhase::kSeed:
    case SprintPhase::kSampling:
    case SprintPhase::kOver:
      return false;
    case SprintPhase::kCompute:
      return height >= sprint.until;
    case SprintPhase::kCheck:
    case SprintPhase::kReveal:
    case SprintPhase::kAppeal:
    case SprintPhase::kAppealReveal:
      return height >= sprint.until || sprint.waiting == 0;
  }
  return false;
}

}  // namespace

std::vector<SprintSubject> SprintSubjects(BlockState& state, uint64_t epoch) {
  std::vector<SprintSubject> subjects;
  for (const Key& key : state.sprint_entries.Keys(Key('E').AddNumber(epoch))) {
    KeyReader reader(key.span());
    reader.NextNumber();
    const AccountId participant{reader.NextHash()};
    subjects.push_back(
        {.epoch = epoch, .participant = participant, .model = ModelId{reader.NextHash()}});
  }
  return subjects;
}

void RunSprint(BlockState& state) {
  if (state.params.sprint.lead_blocks == 0 || state.height() < FirstHeight(state)) return;
  const uint64_t epoch = state.chain.epoch;
  const Key key = keys::OfSprint(epoch);
  if (state.height() == FirstHeight(state)) {
    state.sprints.Put(key, {});
    return QueueSprintDraw(state, epoch);
  }
  const Sprint* found = state.sprints.Find(key);
  if (found == nullptr || !IsPhaseOver(*found, state.height())) return;
  EndPhase(state, epoch, state.sprints.Change(key));
}

void DrawSprintInputs(BlockState& state, uint64_t epoch, const Hash& seed) {
  if (epoch != state.chain.epoch) return;  // The links came too late.
  Sprint& sprint = state.sprints.Change(keys::OfSprint(epoch));
  sprint.seed = seed;
  Enter(state, sprint, SprintPhase::kCompute, state.params.sprint.window_blocks);
  state.Tell(SprintOpened{.epoch = epoch, .seed = seed, .commit_until = sprint.until});
}

void DrawSprintSamples(BlockState& state, uint64_t epoch, const Hash& seed) {
  if (epoch != state.chain.epoch) return;
  Sprint& sprint = state.sprints.Change(keys::OfSprint(epoch));
  sprint.sample_seed = seed;
  ForEachOpen(state, epoch, [&](const auto& subject) { SeatCheckers(state, subject, seed); });
  AwaitCommits(state, epoch, SprintPhase::kCheck);
}

namespace {

TxCode CheckWindow(BlockState& state, uint64_t epoch) {
  if (epoch != state.chain.epoch) return TxCode::kWrongEpoch;
  const Sprint* sprint = state.sprints.Find(keys::OfSprint(epoch));
  if (sprint == nullptr || sprint->phase < SprintPhase::kCompute) return TxCode::kTooEarly;
  return sprint->phase == SprintPhase::kCompute ? TxCode::kOk : TxCode::kTooLate;
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const SprintCommit& event) {
  if (event.count == 0 || event.root.IsZero()) return TxCode::kMalformed;
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  if (const TxCode code = CheckWindow(state, event.epoch); code != TxCode::kOk) return code;
  const TxCode stays = CheckNotLeft(state, sender, event.epoch + 1);
  if (stays != TxCode::kOk) return stays;
  const ModelInfo* model = state.models.Find(keys::Of(event.model));
  if (model == nullptr) return TxCode::kUnknownModel;
  const auto& served = NextModels(state.participants.Get(keys::OfParticipant(sender)));
  const bool serves = std::binary_search(served.begin(), served.end(), event.model);
  if (!serves || model->sprint_weight == 0) return TxCode::kNotServed;
  const Key key = keys::OfSprintEntry(event.epoch, sender, event.model);
  if (const SprintEntry* entry = state.sprint_entries.Find(key)) {
    const bool same = entry->count == event.count && entry->root == event.root;
    return same ? TxCode::kAlreadyDone : TxCode::kConflictsWithRecord;
  }
  SprintEntry entry;
  entry.count = event.count;
  entry.root = event.root;
  entry.height = state.height();
  entry.weight = rewards::SprintWeight(event.count, 1, 1, model->sprint_weight);
  state.sprint_entries.Put(key, std::move(entry));
  state.Tell(SprintCommitted{
      .epoch = event.epoch, .participant = sender, .model = event.model, .count = event.count});
  return TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId&, const SprintExpose& event) {
  const SprintSubject subject{event.epoch, event.participant, event.model};
  const SprintEntry* entry = state.sprint_entries.Find(subject.key());
  if (entry == nullptr) return TxCode::kUnknownSprint;
  if (event.epoch < state.chain.epoch_settled) return TxCode::kTooLate;
  if (state.participants.Get(keys::OfParticipant(event.participant)).removed) {
    return TxCode::kAlreadyDone;
  }
  const SprintOpening opening{.network = state.chain.network,
                              .epoch = event.epoch,
                              .participant = event.participant,
                              .model = event.model,
                              .root = entry->root,
                              .index = event.index,
                              .result = event.result,
                              .path = event.path};
  if (VerifySprintOpening(opening, entry->count)) return TxCode::kConflictsWithRecord;
  const Hash signed_hash = SprintOpeningHash(opening);
  if (!IsSignedFor(state, event.participant, signed_hash, event.signature)) {
    return TxCode::kBadSignature;
  }
  if (event.epoch == state.chain.epoch) DecideSprint(state, subject, SprintOutcome::kFalse, 0);
  Convict(state, event.epoch, event.participant, ConvictionCause::kFalseSprintOpening);
  return TxCode::kOk;
}

}  // namespace gonka::ledger
