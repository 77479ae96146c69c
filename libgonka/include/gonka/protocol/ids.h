#pragma once

// The names of things on the ledger. Each is a type of its own, so that they cannot be swapped.

#include <optional>

#include "gonka/base/bytes.h"
#include "gonka/crypto/hash.h"
#include "gonka/crypto/sign.h"

namespace gonka {

// An account is its Ed25519 public key. Participants and developers are accounts.
using AccountId = Strong<struct AccountTag, Hash>;
// Hash of the genesis record: whatever is signed names it, so nothing can be replayed elsewhere.
using NetworkId = Strong<struct NetworkTag, Hash>;
// model::Manifest hash: what the checkpoint is, to the byte.
using ModelId = Strong<struct ModelTag, Hash>;
using InferenceId = Strong<struct InferenceTag, Hash>;
using TxHash = Strong<struct TxTag, Hash>;
using BlockHash = Strong<struct BlockTag, Hash>;
// A dispute about one record or a hearing about one participant: what a committee votes on.
using CaseId = Strong<struct CaseTag, Hash>;

inline AccountId AccountOf(const PublicKey& key) {
  return AccountId{key};
}

}  // namespace gonka
