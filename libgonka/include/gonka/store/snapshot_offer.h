#pragma once

// A snapshot, and why its root may be believed: the root is a record of the ledger, the record is
// in the history, and the sequencer has signed a header over that history.
//
// Who takes a state by an offer trusts genesis (which names the network and its sequencer) and that
// the sequencer signed no false history: nothing that led to the state is executed again. Nobody
// else is trusted, neither who made the offer nor who hands out the chunks.

#include "gonka/store/state_sync.h"

namespace gonka::store {

struct SnapshotOffer {
  static constexpr RecordKind kKind{212, 1};
  StateManifest manifest;
  InclusionProof proof;        // Of the StateRoot record.
  Signature header_signature;  // The sequencer's over the proof's header.
  GONKA_FIELDS(SnapshotOffer, manifest, proof, header_signature)
};

// kNotFound where the root of that state is not recorded yet, or not any more; kUnavailable until
// the block after the record is there.
absl::StatusOr<SnapshotOffer> MakeOffer(const Snapshot& snapshot, const StateManifest& manifest);

// The root for StateImport. kInvalidArgument says what is forged.
absl::StatusOr<Hash> CheckOffer(const SnapshotOffer& offer, const Genesis& genesis);

}  // namespace gonka::store
