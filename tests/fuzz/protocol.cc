// Decoders of everything that comes from other nodes or from disk: whatever is accepted encodes to
// the same bytes, and can be hashed, shown and judged without a crash. The first byte chooses the
// record.

#include "gonka/base/json.h"
#include "gonka/protocol/block.h"
#include "gonka/protocol/genesis.h"
#include "gonka/store/snapshot_offer.h"

namespace gonka {
namespace {

void Use(const SignedTx& tx) {
  GONKA_CHECK(HashOf(tx) == HashOf(SignedTx(tx)));
  (void)VerifyTx(tx);
}
void Use(const Block& block) {
  (void)TxsRoot(block.txs);
  (void)HashOf(block.header);
}
void Use(const Payload& payload) {
  (void)RequestDigest(payload.request, payload.request_salt);
  (void)OutputDigest(payload.output, payload.finish, payload.output_salt);
  (void)InferenceIdOf(payload.assignment);
}
void Use(const InclusionProof& proof) {
  GONKA_CHECK(!VerifyProof(proof, BlockHash{}).ok());
  (void)VerifyProof(proof, HashOf(proof.header));
}
void Use(const Genesis& genesis) {
  (void)CheckGenesis(genesis);
  (void)NetworkIdOf(genesis);
}
void Use(const SignedAssignment& assignment) {
  (void)AssignmentSigningHash(assignment.assignment);
}
void Use(const Leaf&) {}
void Use(const store::StateChunk&) {}
void Use(const store::StateManifest& manifest) {
  Use(manifest.block);
}

void Use(const store::SnapshotOffer& offer) {
  GONKA_CHECK(!store::CheckOffer(offer, Genesis{}).ok());
}

template <class T>
void Try(ByteSpan bytes) {
  const absl::StatusOr<T> value = Decode<T>(bytes);
  if (!value.ok()) return;
  GONKA_CHECK(Encode(*value) == ToBytes(bytes));
  GONKA_CHECK(!ToJson(*value).empty());
  Use(*value);
}

}  // namespace
}  // namespace gonka

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka;
  if (size == 0) return 0;
  const ByteSpan bytes(data + 1, size - 1);
  switch (data[0] % 10) {
    case 0:
      Try<SignedTx>(bytes);
      break;
    case 1:
      Try<Block>(bytes);
      break;
    case 2:
      Try<Payload>(bytes);
      break;
    case 3:
      Try<InclusionProof>(bytes);
      break;
    case 4:
      Try<Genesis>(bytes);
      break;
    case 5:
      Try<SignedAssignment>(bytes);
      break;
    case 7:
      Try<store::StateChunk>(bytes);
      break;
    case 8:
      Try<store::StateManifest>(bytes);
      break;
    case 9:
      Try<store::SnapshotOffer>(bytes);
      break;
    default:
      Try<Leaf>(bytes);
  }
  return 0;
}
