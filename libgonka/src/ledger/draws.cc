#include "ledger/draws.h"

#include "ledger/cases.h"
#include "ledger/checks.h"
#include "ledger/hearings.h"
#include "ledger/recheck.h"
#include "ledger/sprint.h"

namespace gonka::ledger {
namespace {

Key NextKey(BlockState& state, DrawKind kind) {
  return keys::OfDraw(state.chain.beacon_links + 2, kind);
}

void Queue(BlockState& state, const Key& key) {
  if (state.index.Find(key) != nullptr) return;
  state.index.Put(key, {});
  ++state.chain.draws_pending;
}

void DrawAllowanceSalt(BlockState& state, const AccountId& ta, const AccountId& developer) {
  const Key key = keys::OfAllowance(ta, developer);
  if (state.allowances.Find(key) == nullptr) return;  // Expired meanwhile.
  state.allowances.Change(key).salt =
      TaggedHash("gonka/draw/allowance/1", state.chain.beacon, ta, developer);
}

void RunSprintDraw(BlockState& state, DrawKind kind, uint64_t epoch) {
  const Hash& beacon = state.chain.beacon;
  if (kind == DrawKind::kSprint) {
    return DrawSprintInputs(state, epoch, TaggedHash("gonka/draw/sprint/1", beacon, epoch));
  }
  DrawSprintSamples(state, epoch, TaggedHash("gonka/draw/sprint-samples/1", beacon, epoch));
}

void Run(BlockState& state, const Key& key) {
  KeyReader reader(key.span());
  reader.NextNumber();
  const auto kind = static_cast<DrawKind>(reader.NextByte());
  if (kind == DrawKind::kSprint || kind == DrawKind::kSprintSamples) {
    return RunSprintDraw(state, kind, reader.NextNumber());
  }
  const Hash subject = reader.NextHash();
  const Hash& beacon = state.chain.beacon;
  switch (kind) {
    case DrawKind::kAllowance:
      return DrawAllowanceSalt(state, AccountId{subject}, AccountId{reader.NextHash()});
    case DrawKind::kCheck:
      return DrawCheck(state, InferenceId{subject},
                       TaggedHash("gonka/draw/check/1", beacon, subject));
    case DrawKind::kCommittee:
      return SeatCommittee(state, CaseId{subject},
                           TaggedHash("gonka/draw/committee/1", beacon, subject));
    case DrawKind::kSample:
      return DrawHearingSample(state, CaseId{subject},
                               TaggedHash("gonka/draw/sample/1", beacon, subject));
    case DrawKind::kRecheck:
      return DrawRecheck(state, InferenceId{subject},
                         TaggedHash("gonka/draw/recheck/1", beacon, subject));
    case DrawKind::kSprint:
    case DrawKind::kSprintSamples:
      break;
  }
}

}  // namespace

void QueueAllowanceDraw(BlockState& state, const AccountId& ta, const AccountId& developer) {
  Queue(state, NextKey(state, DrawKind::kAllowance).Add(ta).Add(developer));
}

void QueueCheckDraw(BlockState& state, const InferenceId& inference) {
  Queue(state, NextKey(state, DrawKind::kCheck).Add(inference));
}

void QueueCommitteeDraw(BlockState& state, const CaseId& id) {
  Queue(state, NextKey(state, DrawKind::kCommittee).Add(id));
}

void QueueSampleDraw(BlockState& state, const CaseId& id) {
  Queue(state, NextKey(state, DrawKind::kSample).Add(id));
}

void QueueRecheckDraw(BlockState& state, const InferenceId& inference) {
  Queue(state, NextKey(state, DrawKind::kRecheck).Add(inference));
}

void QueueSprintDraw(BlockState& state, uint64_t epoch) {
  Queue(state, NextKey(state, DrawKind::kSprint).AddNumber(epoch));
}

void QueueSprintSamplesDraw(BlockState& state, uint64_t epoch) {
  Queue(state, NextKey(state, DrawKind::kSprintSamples).AddNumber(epoch));
}

void RunDueDraws(BlockState& state) {
  if (state.chain.draws_pending == 0) return;
  const Key end = Key('q').AddNumber(state.chain.beacon_links + 1);
  std::vector<Key> due;
  // What this block queued is due two links later, so the view has all that is due now.
  state.view.Scan(Key('q').span(), {}, [&](ByteSpan bytes, ByteSpan) {
    const Key key = Key::FromBytes(bytes);
    if (key < end) due.push_back(key);
    return key < end;
  });
  for (const Key& key : due) {
    state.index.Erase(key);
    --state.chain.draws_pending;
    Run(state, key);
  }
}

}  // namespace gonka::ledger
