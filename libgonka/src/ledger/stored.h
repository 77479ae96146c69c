#pragma once

// How a value of the state is kept: by its own encoding, but for a settled record, which shrinks.

#include "gonka/base/codec.h"
#include "gonka/ledger/state.h"
#include "gonka/protocol/block.h"

namespace gonka::ledger {

// The value of an index entry: nothing, all is in its key.
struct IndexEntry {
  GONKA_FIELDS(IndexEntry)
};

template <class T>
Bytes EncodeStored(const T& value) {
  return Encode(value);
}
Bytes EncodeStored(const InferenceRecord& record);

// What the state holds was written by the rules, so anything else is our mistake (or a broken
// store, which the store's own checks must find).
template <class T>
T DecodeStored(ByteSpan bytes) {
  absl::StatusOr<T> value = Decode<T>(bytes);
  GONKA_CHECK(value.ok());
  return *std::move(value);
}
template <>
InferenceRecord DecodeStored<InferenceRecord>(ByteSpan bytes);

// The order of keys, bytewise.
bool KeyBefore(const StateWrite& a, const StateWrite& b);

}  // namespace gonka::ledger
