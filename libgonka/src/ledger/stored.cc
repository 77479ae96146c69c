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

Bytes EncodeStored(const InferenceRecord& record) {
  return record.settled ? Encode(Shrink(record)) : Encode(record);
}

bool KeyBefore(const StateWrite& a, const StateWrite& b) {
  const int order = std::memcmp(a.key.data(), b.key.data(), std::min(a.key.size(), b.key.size()));
  return order != 0 ? order < 0 : a.key.size() < b.key.size();
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

}  // namespace gonka::ledger
