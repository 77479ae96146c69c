#include "gonka/store/snapshot_offer.h"

#include <fmt/format.h>

#include "gonka/ledger/queries.h"
#include "gonka/store/proofs.h"

namespace gonka::store {
namespace {

// The epoch whose first state this is, while its root is on the ledger.
absl::StatusOr<uint64_t> EpochOf(const Snapshot& snapshot, uint64_t height) {
  for (uint64_t epoch = ledger::ReadChain(snapshot).epoch; epoch > 0; --epoch) {
    const auto root = ledger::FindStateRoot(snapshot, epoch);
    if (root && root->height == height) return epoch;
    if (root && root->height < height) break;
    if (!ledger::FindEpoch(snapshot, epoch)) break;
  }
  return absl::NotFoundError(
      fmt::format("the ledger has no root of the state after block {}", height));
}

absl::Status CheckSigned(const std::string& what, const BlockHeader& header,
                         const Signature& signature, const Genesis& genesis) {
  if (header.network != NetworkIdOf(genesis)) {
    return absl::InvalidArgumentError(fmt::format("{} {} belongs to network {}, not {}", what,
                                                  header.height, Hex(header.network),
                                                  Hex(NetworkIdOf(genesis))));
  }
  if (header.proposer != genesis.sequencer ||
      !VerifySignature(genesis.sequencer.value, HashOf(header).value, signature)) {
    return absl::InvalidArgumentError(fmt::format("{} {} is not signed by the sequencer {}", what,
                                                  header.height, Hex(genesis.sequencer)));
  }
  return absl::OkStatus();
}

absl::StatusOr<ledger::StateRoot> ProvenRoot(const InclusionProof& proof) {
  GONKA_RETURN_IF_ERROR(VerifyProof(proof, HashOf(proof.header)));
  const auto* write = std::get_if<StateWrite>(&proof.leaf);
  // A root's key is a letter and the epoch, and nothing else has a key like it.
  if (write == nullptr || !write->value || write->key.size() != ledger::StateRootKey(0).size() ||
      write->key[0] != ledger::StateRootKey(0)[0]) {
    return absl::InvalidArgumentError("the proof is of something else than a state root");
  }
  return Decode<ledger::StateRoot>(*write->value);
}

}  // namespace

absl::StatusOr<SnapshotOffer> MakeOffer(const Snapshot& snapshot, const StateManifest& manifest) {
  GONKA_ASSIGN_OR_RETURN(const uint64_t epoch, EpochOf(snapshot, manifest.block.header.height));
  GONKA_ASSIGN_OR_RETURN(InclusionProof proof, ProveState(snapshot, ledger::StateRootKey(epoch)));
  GONKA_ASSIGN_OR_RETURN(const Block block, snapshot.GetBlock(proof.header.height));
  return SnapshotOffer{manifest, std::move(proof), block.signature};
}

absl::StatusOr<Hash> CheckOffer(const SnapshotOffer& offer, const Genesis& genesis) {
  const Block& block = offer.manifest.block;
  GONKA_RETURN_IF_ERROR(
      CheckSigned("the proof's block", offer.proof.header, offer.header_signature, genesis));
  GONKA_RETURN_IF_ERROR(
      CheckSigned("the snapshot's block", block.header, block.signature, genesis));
  GONKA_ASSIGN_OR_RETURN(const ledger::StateRoot proven, ProvenRoot(offer.proof));
  if (proven.height != block.header.height) {
    return absl::InvalidArgumentError(
        fmt::format("the snapshot is of the state after block {}, the proof of that after block {}",
                    block.header.height, proven.height));
  }
  if (const Hash root = StateRootOf(offer.manifest); root != proven.root) {
    return absl::InvalidArgumentError(
        fmt::format("the snapshot after block {} has state root {}, the ledger says {}",
                    proven.height, Hex(root), Hex(proven.root)));
  }
  return proven.root;
}

}  // namespace gonka::store
