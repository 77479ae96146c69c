#include "ledger/abandoned.h"

#include <algorithm>

#include "gonka/rewards/fee.h"
#include "ledger/collateral.h"
#include "ledger/delegation.h"
#include "ledger/money.h"
#include "ledger/records.h"

namespace gonka::ledger {
namespace {

bool IsWord(BlockState& state, const Assignment& assignment, const AgentWord& word,
            Hash (*signing_hash)(const InferenceId&, uint32_t)) {
  return IsSignedFor(state, assignment.request.ta,
                     signing_hash(InferenceIdOf(assignment), word.tokens), word.signature);
}

bool IsAgentsWord(BlockState& state, const Assignment& assignment, const AgentWord& word) {
  return IsWord(state, assignment, word, AckSigningHash) ||
         IsWord(state, assignment, word, CancelSigningHash);
}

const InferenceRecord* LaterAttempt(BlockState& state, const Assignment& assignment) {
  for (uint32_t attempt = assignment.attempt + 1u; attempt < kAttemptsMax; ++attempt) {
    const InferenceId id = InferenceIdOf(assignment.request, static_cast<uint8_t>(attempt));
    const InferenceRecord* later = state.records.Find(keys::Of(id));
    if (later != nullptr) return later;
  }
  return nullptr;
}

// Prompt and acknowledged tokens at the record's price, as far as the stake goes.
void HoldFromAgent(BlockState& state, const InferenceId& id, InferenceRecord& record,
                   uint32_t tokens) {
  const Assignment& assignment = record.assignment;
  const AccountId& ta = assignment.request.ta;
  const std::optional<Amount> cost = rewards::Cost(assignment.prompt_tokens, tokens, record.price);
  Participant& agent = state.participants.Change(keys::OfParticipant(ta));
  const Amount held = TakeStake(state, agent, HeldBy(record), cost.value_or(Amount(Amount::kMax)));
  state.Tell(
      AgentCharged{.inference = id, .ta = ta, .executor = assignment.executor, .amount = held});
}

// The later attempt blamed both for what turns out to be the transfer agent's doing alone.
void MoveBlame(BlockState& state, const Assignment& assignment) {
  const uint64_t epoch = assignment.request.epoch;
  const AccountId& ta = assignment.request.ta;
  const Key key = keys::OfBlame(epoch, assignment.executor, ta);
  const Blame* blame = state.blames.Find(key);
  if (blame == nullptr || blame->misses_half == 0) return;  // Convicted then: it was not blamed.
  --state.blames.Change(key).misses_half;
  Standing& executor = state.standings.Change(keys::OfStanding(epoch, assignment.executor));
  --executor.misses_half;
  --executor.duties;
  ++state.standings.Change(keys::OfStanding(epoch, ta)).misses_half;
}

TxCode CheckClaim(BlockState& state, const Assignment& assignment, const Finish& event) {
  const InferenceRecord& later = *LaterAttempt(state, assignment);
  if (later.settled) return TxCode::kTooLate;
  if (!(later.assignment.request == assignment.request) ||
      later.assignment.prompt_tokens != assignment.prompt_tokens) {
    return TxCode::kConflictsWithRecord;
  }
  const SkippedAttempt& skipped = later.assignment.skipped[assignment.attempt];
  if (skipped.executor != assignment.executor) return TxCode::kWrongExecutor;
  if (skipped.refusal) return TxCode::kConflictsWithRecord;
  if (event.output_tokens > assignment.request.tokens_max) return TxCode::kTokenLimit;
  if (!event.word) return TxCode::kNotAcknowledged;
  if (event.word->tokens > event.output_tokens) return TxCode::kMalformed;
  return IsAgentsWord(state, assignment, *event.word) ? TxCode::kOk : TxCode::kBadSignature;
}

// The record that the later attempt has closed, or a new one, without an escrow.
InferenceRecord& RecordOf(BlockState& state, const InferenceId& id, const Assignment& assignment) {
  const Key key = keys::Of(id);
  const InferenceRecord* found = state.records.Find(key);
  if (found == nullptr) {
    InferenceRecord record;
    record.assignment = assignment;
    record.opened_height = state.height();
    record.price = LaterAttempt(state, assignment)->price;
    record.check_rate = RateAtOpening(state, assignment);
    state.records.Put(key, std::move(record));
    state.index.Put(WorkKey(state, id, assignment), {});
    state.Tell(RecordOpened{.inference = id,
                            .developer = assignment.request.developer,
                            .ta = assignment.request.ta,
                            .executor = assignment.executor,
                            .attempt = assignment.attempt,
                            .escrow = {}});
  }
  return state.records.Change(key);
}

}  // namespace

TxCode CheckEnding(BlockState& state, const Assignment& assignment, const Finish& event) {
  if (event.finish != FinishCode::kCancelled) return TxCode::kOk;
  if (!event.word) return TxCode::kNotAcknowledged;
  if (event.word->tokens != event.output_tokens) return TxCode::kMalformed;
  return IsAgentsWord(state, assignment, *event.word) ? TxCode::kOk : TxCode::kBadSignature;
}

bool IsBrokenOff(BlockState& state, const Assignment& assignment, const Finish& event) {
  return event.finish == FinishCode::kCancelled &&
         IsWord(state, assignment, *event.word, AckSigningHash);
}

bool IsTurnedFrom(BlockState& state, const Assignment& assignment) {
  return LaterAttempt(state, assignment) != nullptr;
}

TxCode ClaimAbandoned(BlockState& state, const Assignment& assignment, const Finish& event) {
  if (const TxCode code = CheckClaim(state, assignment, event); code != TxCode::kOk) return code;
  if (const TxCode code = CheckEnding(state, assignment, event); code != TxCode::kOk) return code;
  InferenceRecord& record = RecordOf(state, event.inference, assignment);
  record.check_closed = false;
  record.broken_off = true;
  record.agent_pays = true;
  HoldFromAgent(state, event.inference, record, event.word->tokens);
  MoveBlame(state, assignment);
  Complete(state, event, record);
  return TxCode::kOk;
}

void ChargeAgent(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  const Request& request = record.assignment.request;
  CountMiss(state, request.epoch, request.ta, 2);
  const Amount held = record.held;
  record.agent_pays = true;
  if (held == Amount(0)) return;  // Refunded before.
  MoveToAccount(state, HeldBy(record), request.developer, held);
  state.Tell(Refunded{.inference = id,
                      .developer = request.developer,
                      .amount = held,
                      .reason = RefundReason::kUnusedEscrow});
  HoldFromAgent(state, id, record, record.finish->output_tokens);
}

}  // namespace gonka::ledger
