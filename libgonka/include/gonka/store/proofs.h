#pragma once

// Proofs that something is in the history, for people who trust nothing but a block hash. Check
// them with VerifyProof (gonka/protocol/block.h), which needs no database.
//
// A header carries the app hash after the block before it, so what block h wrote can be proven from
// header h + 1 on; before that block exists, kUnavailable says so.

#include "gonka/store/snapshot.h"

namespace gonka::store {

// Against which header: the newest, or the one of a block that the reader already trusts.
struct ProofOptions {
  std::optional<uint64_t> header_height;
};

// The last write of a state key (ledger::RecordKey and the like). kNotFound where it is not there.
absl::StatusOr<InclusionProof> ProveState(const Snapshot& snapshot, ByteSpan key,
                                          const ProofOptions& options = {});
// Notice number `index` of a block.
absl::StatusOr<InclusionProof> ProveNotice(const Snapshot& snapshot, uint64_t height,
                                           uint32_t index, const ProofOptions& options = {});
// What became of event number `index` of a transaction.
absl::StatusOr<InclusionProof> ProveReceipt(const Snapshot& snapshot, const TxHash& tx,
                                            uint32_t index, const ProofOptions& options = {});
// Any leaf.
absl::StatusOr<InclusionProof> ProveLeaf(const Snapshot& snapshot, uint64_t height, uint32_t leaf,
                                         const ProofOptions& options = {});

}  // namespace gonka::store
