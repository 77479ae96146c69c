// Opening a record.

#include "gonka/ledger/queries.h"
#include "gonka/reputation/check_rate.h"
#include "gonka/rewards/fee.h"
#include "ledger/abandoned.h"
#include "ledger/delegation.h"
#include "ledger/events.h"
#include "ledger/executor_draw.h"
#include "ledger/maintenance.h"
#include "ledger/members.h"
#include "ledger/money.h"
#include "ledger/pricing.h"
#include "ledger/records.h"

namespace gonka::ledger {
namespace {

// New records are opened for the current epoch, and for the one before it in its grace.
TxCode CheckEpoch(const BlockState& state, uint64_t epoch) {
  if (epoch == state.chain.epoch) return TxCode::kOk;
  const bool in_grace =
      state.chain.epoch > 0 && epoch == state.chain.epoch - 1 &&
      state.height() < state.chain.epoch_first_height + state.params.time.grace_blocks;
  return in_grace ? TxCode::kOk : TxCode::kWrongEpoch;
}

TxCode CheckExpiry(const BlockState& state, const Request& request) {
  const TimeParams& time = state.params.time;
  if (request.expiry_height < state.height()) return TxCode::kExpired;
  const uint64_t answer_blocks = (uint64_t{request.tokens_max} + time.expiry_tokens_per_block - 1) /
                                 time.expiry_tokens_per_block;
  const uint64_t latest = state.height() + time.expiry_base_blocks + answer_blocks;
  return request.expiry_height <= latest ? TxCode::kOk : TxCode::kExpiryTooFar;
}

TxCode CheckModel(BlockState& state, const Assignment& assignment) {
  const Request& request = assignment.request;
  const ModelInfo* model = state.models.Find(keys::Of(request.model));
  if (model == nullptr) return TxCode::kUnknownModel;
  if (request.tokens_max == 0 || assignment.prompt_tokens == 0 ||
      uint64_t{request.tokens_max} + assignment.prompt_tokens > model->context) {
    return TxCode::kTokenLimit;
  }
  return TxCode::kOk;
}

TxCode CheckAllowance(BlockState& state, const Assignment& assignment) {
  const Request& request = assignment.request;
  const Allowance* allowance =
      state.allowances.Find(keys::OfAllowance(request.ta, request.developer));
  if (allowance == nullptr) return TxCode::kInsufficientAllowance;
  if (allowance->expires_epoch < request.epoch) return TxCode::kAllowanceExpired;
  const Delegation* delegation =
      request.signer ? state.delegations.Find(keys::OfDelegation(*request.signer)) : nullptr;
  return CheckDeveloper(*allowance, delegation, assignment, state.height());
}

// What stands on the ledger about the same request: attempts of one sequence number come in
// ascending order, and only where the ones before were skipped or broken off by the transfer agent.
TxCode CheckEarlierAttempts(BlockState& state, const Assignment& assignment,
                            std::optional<InferenceId>& abandoned) {
  const Request& request = assignment.request;
  for (uint8_t attempt = 0; attempt < kAttemptsMax; ++attempt) {
    if (attempt == assignment.attempt) continue;
    const InferenceId id = InferenceIdOf(request, attempt);
    const InferenceRecord* other = state.records.Find(keys::Of(id));
    if (other == nullptr) continue;
    if (attempt > assignment.attempt) return TxCode::kWrongAttempt;
    if (!(other->assignment.request == request)) return TxCode::kConflictsWithRecord;
    if (other->agent_pays) continue;  // Of an attempt that was turned from before.
    const bool may_follow = !other->settled && (!other->finish || other->broken_off);
    // Who has signed a refusal cannot have been broken off.
    if (!may_follow || (other->finish && assignment.skipped[attempt].refusal)) {
      return TxCode::kConflictsWithRecord;
    }
    if (other->finish || other->status == InferenceStatus::kStarted) abandoned = id;
  }
  return TxCode::kOk;
}

// Takes the request's number, or says why it cannot be had. A number that an earlier attempt on the
// ledger took serves the next attempt too.
TxCode TakeSequence(BlockState& state, Allowance& allowance, const Assignment& assignment,
                    std::optional<InferenceId>& abandoned) {
  const uint64_t sequence = assignment.request.sequence;
  if (sequence >= allowance.sequence_base &&
      sequence - allowance.sequence_base >= state.params.request_sequence_ahead) {
    return TxCode::kRequestSequenceTooFar;
  }
  if (IsUsed(allowance, sequence)) {
    const TxCode code = CheckEarlierAttempts(state, assignment, abandoned);
    if (code != TxCode::kOk) return code;
    return abandoned ? TxCode::kOk : TxCode::kRequestSequenceUsed;
  }
  allowance.sequence_used |= uint64_t{1} << (sequence - allowance.sequence_base);
  while ((allowance.sequence_used & 1) != 0) {
    allowance.sequence_used >>= 1;
    ++allowance.sequence_base;
  }
  return TxCode::kOk;
}

TxCode CheckExecutors(BlockState& state, const Assignment& assignment, const EpochTable& table,
                      const Hash& salt) {
  const Request& request = assignment.request;
  const auto drawn = DrawExecutors({.table = table,
                                    .model = request.model,
                                    .serving = state.ServingWeights(request.epoch, request.model),
                                    .salt = salt,
                                    .developer = request.developer,
                                    .ta = request.ta,
                                    .sequence = request.sequence},
                                   assignment.attempt);
  if (const TxCode* code = std::get_if<TxCode>(&drawn)) return *code;
  const std::vector<size_t>& executors = std::get<std::vector<size_t>>(drawn);
  for (uint8_t i = 0; i < assignment.attempt; ++i) {
    if (assignment.skipped[i].executor != table.members[executors[i]].id) {
      return TxCode::kWrongAttempt;
    }
  }
  if (assignment.executor != table.members[executors.back()].id) return TxCode::kWrongExecutor;
  return TxCode::kOk;
}

TxCode CheckRefusals(BlockState& state, const Assignment& assignment) {
  for (uint8_t i = 0; i < assignment.attempt; ++i) {
    const SkippedAttempt& skipped = assignment.skipped[i];
    if (!skipped.refusal) continue;
    const Hash hash = RefusalSigningHash(InferenceIdOf(assignment.request, i));
    if (!IsSignedFor(state, skipped.executor, hash, *skipped.refusal)) {
      return TxCode::kBadSignature;
    }
  }
  return TxCode::kOk;
}

// Without a signed refusal transfer agent and executor share the blame; there is none where the
// executor had been convicted or removed, or is announced to be away.
void BlameSkipped(BlockState& state, const Assignment& assignment) {
  const uint64_t epoch = assignment.request.epoch;
  for (uint8_t i = 0; i < assignment.attempt; ++i) {
    const SkippedAttempt& skipped = assignment.skipped[i];
    const InferenceId id = InferenceIdOf(assignment.request, i);
    const InferenceRecord* earlier = state.records.Find(keys::Of(id));
    if (earlier != nullptr && earlier->finish) continue;  // ChargeAgent has blamed who is to blame.
    const Standing* standing = state.standings.Find(keys::OfStanding(epoch, skipped.executor));
    const bool convicted = standing != nullptr && standing->convicted;
    if (skipped.refusal || convicted || IsPassedOver(state, skipped.executor)) continue;
    ShareBlame(state, epoch, skipped.executor, assignment.request.ta);
  }
}

}  // namespace

Ppm RateAtOpening(BlockState& state, const Assignment& assignment) {
  const uint64_t epoch = assignment.request.epoch;
  const Ppm reputation =
      state.participants.Get(keys::OfParticipant(assignment.executor)).reputation;
  if (epoch == 0) return reputation::CheckRate(state.params.check, reputation, 0, 0);
  const Traffic* traffic = state.traffic.Find(keys::OfTraffic(epoch - 1, assignment.request.model));
  const Standing* standing = state.standings.Find(keys::OfStanding(epoch - 1, assignment.executor));
  return reputation::CheckRate(state.params.check, reputation,
                               traffic == nullptr ? 0 : traffic->records,
                               standing == nullptr ? 0 : standing->executed);
}

namespace {

TxCode CheckExecutorServes(BlockState& state, const Assignment& assignment,
                           const EpochTable& table) {
  const Participant& executor = state.participants.Get(keys::OfParticipant(assignment.executor));
  if (executor.removed) return TxCode::kRemoved;
  if (executor.reputation == Ppm{0} &&
      !SomeoneElseServes(table, assignment.request.model, assignment.executor)) {
    return TxCode::kNobodyToCheck;
  }
  return TxCode::kOk;
}

void WriteRecord(BlockState& state, const Assignment& assignment, Allowance& allowance,
                 Amount escrow, Amount price) {
  const Request& request = assignment.request;
  const InferenceId id = InferenceIdOf(assignment);
  InferenceRecord record;
  record.assignment = assignment;
  record.opened_height = state.height();
  record.price = price;
  record.check_rate = RateAtOpening(state, assignment);
  InferenceRecord& opened = state.records.PutNew(keys::Of(id), std::move(record));
  Move(state, AvailableIn(allowance), EscrowIn(opened), escrow);
  ++allowance.open_records;
  state.index.PutNew(WorkKey(state, id, assignment), {});
  state.index.PutNew(keys::OfExpiry(request.expiry_height, id), {});
  state.Tell(RecordOpened{.inference = id,
                          .developer = request.developer,
                          .ta = request.ta,
                          .executor = assignment.executor,
                          .attempt = assignment.attempt,
                          .escrow = escrow});
}

}  // namespace

Key WorkKey(BlockState& state, const InferenceId& id, const Assignment& assignment) {
  const uint64_t epoch = assignment.request.epoch;
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(epoch));
  const std::optional<size_t> index = MemberIndex(table, assignment.executor);
  GONKA_CHECK(index.has_value());
  return keys::OfWork(epoch, static_cast<uint16_t>(*index), id);
}

TxCode OpenRecord(BlockState& state, const Assignment& assignment) {
  const Request& request = assignment.request;
  if (request.network != state.chain.network) return TxCode::kWrongNetwork;
  if (assignment.attempt >= kAttemptsMax || assignment.skipped.size() != assignment.attempt) {
    return TxCode::kWrongAttempt;
  }
  const TxCode first_checks[] = {CheckEpoch(state, request.epoch),
                                 CheckParticipant(state, request.ta), CheckModel(state, assignment),
                                 CheckExpiry(state, request)};
  for (const TxCode code : first_checks) {
    if (code != TxCode::kOk) return code;
  }
  if (const TxCode code = CheckAllowance(state, assignment); code != TxCode::kOk) return code;

  std::optional<InferenceId> abandoned;
  Allowance& allowance = state.allowances.Change(keys::OfAllowance(request.ta, request.developer));
  const TxCode sequence = TakeSequence(state, allowance, assignment, abandoned);
  if (sequence != TxCode::kOk) return sequence;

  const EpochTable& table = state.epochs.Get(keys::OfEpoch(request.epoch));
  TxCode code = CheckExecutors(state, assignment, table, allowance.salt);
  if (code == TxCode::kOk) code = CheckRefusals(state, assignment);
  if (code == TxCode::kOk) code = CheckExecutorServes(state, assignment, table);
  if (code != TxCode::kOk) return code;

  if (abandoned) {
    InferenceRecord& earlier = state.records.Change(keys::Of(*abandoned));
    if (earlier.finish) {
      ChargeAgent(state, *abandoned, earlier);
    } else {
      CloseUnfinished(state, *abandoned, earlier, RefundReason::kUnusedEscrow);
    }
  }
  const std::variant<Amount, TxCode> price = PriceFor(state, request);
  if (const TxCode* refused = std::get_if<TxCode>(&price)) return *refused;
  const std::optional<Amount> escrow =
      EscrowOf(assignment.prompt_tokens, request.tokens_max, std::get<Amount>(price));
  if (!escrow) return TxCode::kAmountOverflow;
  if (*escrow > allowance.available) return TxCode::kInsufficientAllowance;
  code = ChargeOrder(state, request, *escrow);
  if (code != TxCode::kOk) return code;
  BlameSkipped(state, assignment);
  WriteRecord(state, assignment, allowance, *escrow, std::get<Amount>(price));
  return TxCode::kOk;
}

namespace {

// The transfer agent's own Start after the executor's Finish has opened the record.
TxCode StartAgain(BlockState& state, const InferenceId& id, const Start& event) {
  const InferenceRecord& record = state.records.Get(keys::Of(id));
  if (record.settled) return TxCode::kTooLate;
  if (!(record.assignment == event.assignment)) return TxCode::kConflictsWithRecord;
  if (record.started && (record.accepted || !event.accept)) return TxCode::kAlreadyDone;
  return TxCode::kOk;
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const Start& event) {
  const Assignment& assignment = event.assignment;
  if (assignment.request.ta != sender) return TxCode::kWrongTransferAgent;
  const InferenceId id = InferenceIdOf(assignment);
  const bool is_open = state.records.Find(keys::Of(id)) != nullptr;
  const TxCode code = is_open ? StartAgain(state, id, event) : OpenRecord(state, assignment);
  if (code != TxCode::kOk) return code;
  if (event.accept &&
      !IsSignedFor(state, assignment.executor, AcceptSigningHash(id), *event.accept)) {
    return TxCode::kBadSignature;
  }
  InferenceRecord& record = state.records.Change(keys::Of(id));
  record.started = true;
  record.accepted = record.accepted || event.accept.has_value();
  return TxCode::kOk;
}

}  // namespace gonka::ledger
