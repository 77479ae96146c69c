#include "ledger/stored.h"

#include <algorithm>
#include <cstring>

namespace gonka::ledger {
namespace {

SettledRecord Shrink(const InferenceRecord& record) {
  const Request& request = record.assignment.request;
  return {.status = record.status,
          .epoch = static_cast<uint32_t>(request.epoch),
          .developer = request.developer,
          .ta = request.ta,
          .executor = record.assignment.executor,
          .prompt_tokens = record.assignment.prompt_tokens,
          .output_tokens = record.finish ? record.finish->output_tokens : 0,
          .paid = record.paid,
          .refunded = record.refunded};
}

InferenceRecord Expand(const SettledRecord& settled) {
  InferenceRecord record;
  record.status = settled.status;
  record.settled = true;
  record.check_closed = true;
  Assignment& assignment = record.assignment;
  assignment.request.epoch = settled.epoch;
  assignment.request.developer = settled.developer;
  assignment.request.ta = settled.ta;
  assignment.executor = settled.executor;
  assignment.prompt_tokens = settled.prompt_tokens;
  if (settled.status != InferenceStatus::kExpired) {
    record.finish.emplace().output_tokens = settled.output_tokens;
  }
  record.paid = settled.paid;
  record.refunded = settled.refunded;
  return record;
}

}  // namespace

template <class T>
Bytes EncodeStored(const T& value) {
  return Encode(value);
}

template <class T>
T DecodeStored(ByteSpan bytes) {
  absl::StatusOr<T> value = Decode<T>(bytes);
  GONKA_CHECK(value.ok());
  return *std::move(value);
}

template <>
Bytes EncodeStored(const InferenceRecord& record) {
  return record.settled ? Encode(Shrink(record)) : Encode(record);
}

template <>
InferenceRecord DecodeStored<InferenceRecord>(ByteSpan bytes) {
  if (const absl::StatusOr<SettledRecord> settled = Decode<SettledRecord>(bytes); settled.ok()) {
    return Expand(*settled);
  }
  absl::StatusOr<InferenceRecord> record = Decode<InferenceRecord>(bytes);
  GONKA_CHECK(record.ok());
  return *std::move(record);
}

#define GONKA_STORED(T)                        \
  template Bytes EncodeStored(const T& value); \
  template T DecodeStored(ByteSpan bytes);
GONKA_STORED(Account)
GONKA_STORED(AccountId)
GONKA_STORED(Allowance)
GONKA_STORED(Blame)
GONKA_STORED(Case)
GONKA_STORED(Chain)
GONKA_STORED(Delegation)
GONKA_STORED(EpochTable)
GONKA_STORED(EvidenceLog)
GONKA_STORED(IndexEntry)
GONKA_STORED(ModelInfo)
GONKA_STORED(Params)
GONKA_STORED(Participant)
GONKA_STORED(Pricing)
GONKA_STORED(Proposal)
GONKA_STORED(ProposalVote)
GONKA_STORED(Sprint)
GONKA_STORED(SprintEntry)
GONKA_STORED(Standing)
GONKA_STORED(StateRoot)
GONKA_STORED(Traffic)
GONKA_STORED(Vesting)
#undef GONKA_STORED

bool KeyBefore(const StateWrite& a, const StateWrite& b) {
  const int order = std::memcmp(a.key.data(), b.key.data(), std::min(a.key.size(), b.key.size()));
  return order != 0 ? order < 0 : a.key.size() < b.key.size();
}

}  // namespace gonka::ledger
