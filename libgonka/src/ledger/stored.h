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

// For every kind of value of the state, and for no other: instantiated in stored.cc, once, since
// each costs a compiler a second.
template <class T>
Bytes EncodeStored(const T& value);

// What the state holds was written by the rules, so anything else is our mistake (or a broken
// store, which the store's own checks must find).
template <class T>
T DecodeStored(ByteSpan bytes);

template <>
Bytes EncodeStored(const InferenceRecord& record);
template <>
InferenceRecord DecodeStored(ByteSpan bytes);

// The order of keys, bytewise.
bool KeyBefore(const StateWrite& a, const StateWrite& b);

}  // namespace gonka::ledger
