// What the executor and the transfer agent say about a record after it was opened.

#include "gonka/ledger/queries.h"
#include "gonka/rewards/fee.h"
#include "ledger/abandoned.h"
#include "ledger/checks.h"
#include "ledger/convict.h"
#include "ledger/delegation.h"
#include "ledger/draws.h"
#include "ledger/events.h"
#include "ledger/hearings.h"
#include "ledger/members.h"
#include "ledger/money.h"
#include "ledger/pricing.h"
#include "ledger/records.h"

namespace gonka::ledger {
namespace {

FinishFacts FactsOf(const Finish& event, uint64_t height) {
  return {.height = height,
          .output_tokens = event.output_tokens,
          .output_digest = event.output_digest,
          .artifact_root = event.artifact_root,
          .artifact_bytes = event.artifact_bytes,
          .finish = event.finish};
}

TxCode CheckOpening(BlockState& state, const AccountId& sender, const Finish& event) {
  if (!event.opening) return TxCode::kUnknownInference;
  const Assignment& assignment = event.opening->assignment;
  if (InferenceIdOf(assignment) != event.inference) return TxCode::kMalformed;
  if (assignment.executor != sender) return TxCode::kWrongExecutor;
  const bool valid = IsSignedFor(state, assignment.request.ta, AssignmentSigningHash(assignment),
                                 event.opening->ta_signature);
  return valid ? TxCode::kOk : TxCode::kBadSignature;
}

// The transfer agent signed one assignment for the executor and put another one on the ledger: the
// work cannot be judged, the miss is the transfer agent's.
TxCode CloseContradicted(BlockState& state, const Finish& event, InferenceRecord& record) {
  CountMiss(state, record.assignment.request.epoch, record.assignment.request.ta, 2);
  CloseUnfinished(state, event.inference, record, RefundReason::kExpired);
  state.Tell(RecordExpired{.inference = event.inference, .executor = record.assignment.executor});
  return TxCode::kOk;
}

TxCode CheckFinish(const InferenceRecord& record, const AccountId& sender, const Finish& event) {
  if (record.assignment.executor != sender) return TxCode::kWrongExecutor;
  if (record.settled) return TxCode::kTooLate;
  if (record.finish) return TxCode::kAlreadyDone;
  if (record.status != InferenceStatus::kStarted) return TxCode::kExpired;
  if (event.output_tokens > record.assignment.request.tokens_max) return TxCode::kTokenLimit;
  return TxCode::kOk;
}

// The executor's signature stands under two different answers to one request. That is proof enough;
// once it is removed for it, there is nothing to add.
TxCode ConvictOfTwoOutputs(BlockState& state, const InferenceRecord& record) {
  const uint64_t epoch = record.assignment.request.epoch;
  const AccountId executor = record.assignment.executor;
  const Standing* standing = state.standings.Find(keys::OfStanding(epoch, executor));
  const bool convicted = standing != nullptr && standing->convicted;
  if (convicted && state.participants.Get(keys::OfParticipant(executor)).removed) {
    return TxCode::kAlreadyDone;
  }
  Convict(state, epoch, executor, ConvictionCause::kTwoOutputs);
  return TxCode::kOk;
}

bool IsSecondFinish(const InferenceRecord& record, const AccountId& sender, const Finish& event) {
  return record.assignment.executor == sender && !record.settled && record.finish &&
         !(*record.finish == FactsOf(event, record.finish->height));
}

// Cost is held until settlement, the rest of the escrow goes home.
void HoldCost(BlockState& state, InferenceRecord& record) {
  const std::optional<Amount> cost =
      rewards::Cost(record.assignment.prompt_tokens, record.finish->output_tokens, record.price);
  GONKA_CHECK(cost.has_value());  // Not above the escrow, which was computed.
  const rewards::EscrowSplit split = rewards::SettleEscrow(record.escrow, *cost);
  Move(state, EscrowIn(record), HeldBy(record), split.paid);
  ReturnEscrow(state, record, split.refund);
}

void CountWork(BlockState& state, const InferenceRecord& record) {
  const Request& request = record.assignment.request;
  Standing& standing =
      state.standings.Ensure(keys::OfStanding(request.epoch, record.assignment.executor));
  ++standing.executed;
  ++standing.duties;
  standing.tokens += uint64_t{record.assignment.prompt_tokens} + record.finish->output_tokens;
  auto& developers = standing.developers;
  const bool known =
      std::find(developers.begin(), developers.end(), request.developer) != developers.end();
  if (!known && developers.size() < developers.kMax) developers.push_back(request.developer);
  ++state.traffic.Ensure(keys::OfTraffic(request.epoch, request.model)).records;
  CountUse(state, request.model,
           uint64_t{record.assignment.prompt_tokens} + record.finish->output_tokens);
}

}  // namespace

void Complete(BlockState& state, const Finish& event, InferenceRecord& record) {
  const uint64_t epoch = record.assignment.request.epoch;
  record.status = InferenceStatus::kFinished;
  record.finish = FactsOf(event, state.height());
  if (!record.agent_pays) {
    state.index.Erase(keys::OfExpiry(record.assignment.request.expiry_height, event.inference));
    HoldCost(state, record);
  }
  CountWork(state, record);
  state.Tell(RecordFinished{
      .inference = event.inference, .output_tokens = event.output_tokens, .cost = record.held});
  const Key standing = keys::OfStanding(epoch, record.assignment.executor);
  if (state.standings.Get(standing).convicted) {
    return RefundConvicted(state, event.inference, record);
  }
  QueueCheckDraw(state, event.inference);
  if (record.delivered) CompareDelivery(state, event.inference, record);
  WakeHearing(state, epoch, record.assignment.executor);
}

namespace {

// The transfer agent has turned to another executor, and this one's record was closed for it.
bool WasAbandoned(BlockState& state, const InferenceRecord& record) {
  return !record.settled && !record.finish && record.status == InferenceStatus::kExpired &&
         IsTurnedFrom(state, record.assignment);
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const Finish& event) {
  const Key key = keys::Of(event.inference);
  if (state.records.Find(key) == nullptr) {
    if (const TxCode code = CheckOpening(state, sender, event); code != TxCode::kOk) return code;
    const Assignment& assignment = event.opening->assignment;
    if (IsTurnedFrom(state, assignment)) return ClaimAbandoned(state, assignment, event);
    const TxCode code = OpenRecord(state, assignment);
    if (code != TxCode::kOk) return code;
  }
  if (IsSecondFinish(state.records.Get(key), sender, event)) {
    return ConvictOfTwoOutputs(state, state.records.Get(key));
  }
  const Assignment assignment = state.records.Get(key).assignment;
  if (assignment.executor == sender && WasAbandoned(state, state.records.Get(key))) {
    return ClaimAbandoned(state, assignment, event);
  }
  if (const TxCode code = CheckFinish(state.records.Get(key), sender, event); code != TxCode::kOk) {
    return code;
  }
  InferenceRecord& record = state.records.Change(key);
  if (event.opening && !(event.opening->assignment == record.assignment)) {
    const TxCode code = CheckOpening(state, sender, event);
    return code == TxCode::kOk ? CloseContradicted(state, event, record) : code;
  }
  if (const TxCode code = CheckEnding(state, assignment, event); code != TxCode::kOk) return code;
  record.broken_off = IsBrokenOff(state, assignment, event);
  Complete(state, event, record);
  return TxCode::kOk;
}

namespace {

bool IsSignedByExecutor(BlockState& state, const InferenceRecord& record, const Delivered& event) {
  const Hash hash = DeliverySigningHash(event.inference, event.output_digest, event.output_tokens);
  return IsSignedFor(state, record.assignment.executor, hash, *event.executor_signature);
}

TxCode CheckDelivered(BlockState& state, const InferenceRecord& record, const AccountId& sender,
                      const Delivered& event) {
  if (record.assignment.request.ta != sender) return TxCode::kWrongTransferAgent;
  if (record.settled) return TxCode::kTooLate;
  if (record.status == InferenceStatus::kExpired) return TxCode::kExpired;
  if (event.output_tokens > record.assignment.request.tokens_max) return TxCode::kTokenLimit;
  if (!event.executor_signature || IsSignedByExecutor(state, record, event)) return TxCode::kOk;
  return TxCode::kBadSignature;
}

// facts: a FinishFacts or DeliveredFacts.
template <class Facts>
bool IsAnswer(const Facts& facts, const Hash& digest, uint32_t tokens) {
  return facts.output_digest == digest && facts.output_tokens == tokens;
}

bool Matches(const InferenceRecord& record) {
  return IsAnswer(*record.finish, record.delivered->output_digest, record.delivered->output_tokens);
}

// One Delivered counts. A later one changes nothing, but may carry the executor's signature under
// another answer than the one that it has signed already.
TxCode DeliverAgain(BlockState& state, const InferenceRecord& record, const Delivered& event) {
  const DeliveredFacts& first = *record.delivered;
  const bool same = IsAnswer(first, event.output_digest, event.output_tokens);
  if (same && first.executor_signature == event.executor_signature) return TxCode::kAlreadyDone;
  if (!event.executor_signature) return TxCode::kConflictsWithRecord;
  const bool two_outputs =
      (record.finish && !IsAnswer(*record.finish, event.output_digest, event.output_tokens)) ||
      (first.executor_signature && !same);
  return two_outputs ? ConvictOfTwoOutputs(state, record) : TxCode::kConflictsWithRecord;
}

}  // namespace

void CompareDelivery(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  state.Tell(RecordDelivered{.inference = id, .matches = Matches(record)});
  if (Matches(record)) return;
  if (record.delivered->executor_signature) {
    ConvictOfTwoOutputs(state, record);
    return;
  }
  // Nothing proves that the executor signed this: the transfer agent is at fault and gets no share.
  record.delivery_differs = true;
  CountMiss(state, record.assignment.request.epoch, record.assignment.request.ta, 2);
}

TxCode Apply(BlockState& state, const AccountId& sender, const Delivered& event) {
  const Key key = keys::Of(event.inference);
  const InferenceRecord* found = state.records.Find(key);
  if (found == nullptr) return TxCode::kUnknownInference;
  if (const TxCode code = CheckDelivered(state, *found, sender, event); code != TxCode::kOk)
    return code;
  if (found->delivered) return DeliverAgain(state, *found, event);
  InferenceRecord& record = state.records.Change(key);
  record.delivered = DeliveredFacts{.height = state.height(),
                                    .output_digest = event.output_digest,
                                    .output_tokens = event.output_tokens,
                                    .executor_signature = event.executor_signature};
  if (record.finish) {
    CompareDelivery(state, event.inference, record);
  } else {
    state.Tell(RecordDelivered{.inference = event.inference, .matches = {}});
  }
  return TxCode::kOk;
}

}  // namespace gonka::ledger
