#include <doctest/doctest.h>

#include "gonka/protocol/block.h"
#include "unit/protocol/fill.h"

namespace gonka {
namespace {

using testing_protocol::Filler;

// A proof of leaf number index of a block with several, in a history of several blocks.
InclusionProof MakeProof(uint32_t leaves, uint32_t index, uint64_t blocks, uint64_t place) {
  InclusionProof proof;
  Filler filler;
  filler.FillAlternative(proof.leaf, 2);
  std::vector<Hash> hashes;
  for (uint32_t i = 0; i < leaves; ++i) hashes.push_back(MerkleLeaf(Bytes{uint8_t(i)}));
  hashes[index] = MerkleLeaf(Encode(proof.leaf));
  proof.leaf_index = index;
  proof.leaf_path = MerkleProve(hashes, index);
  proof.block = {.height = 40 + place, .count = leaves, .root = MerkleRoot(hashes)};
  std::vector<Hash> history;
  for (uint64_t i = 0; i < blocks; ++i) {
    history.push_back(HashOf(BlockLeaf{.height = 40 + i, .count = 1, .root = {}}));
  }
  history[place] = HashOf(proof.block);
  proof.history_index = place;
  proof.history_size = blocks;
  proof.history_path = MerkleProve(history, place);
  filler.Fill(proof.header);
  proof.header.height = 40 + blocks;
  proof.header.app_hash = MerkleRoot(history);
  return proof;
}

TEST_CASE("a proof holds for every place in every block, from the block hash alone") {
  for (const uint32_t leaves : {1u, 2u, 3u, 7u}) {
    for (uint32_t index = 0; index < leaves; ++index) {
      for (uint64_t place = 0; place < 5; ++place) {
        const InclusionProof proof = MakeProof(leaves, index, 5, place);
        CHECK(VerifyProof(proof, HashOf(proof.header)).ok());
      }
    }
  }
}

TEST_CASE("a proof of anything else is refused, and says why") {
  const InclusionProof proof = MakeProof(5, 3, 6, 2);
  const BlockHash hash = HashOf(proof.header);
  struct {
    const char* what;
    void (*change)(InclusionProof&);
    const char* reason;
  } const kCases[] = {
      {"another leaf",
       [](InclusionProof& p) { std::get<NoticeLeaf>(p.leaf).notice = EpochStarted{}; },
       "the leaf is not number 3 of block 42"},
      {"another kind of leaf", [](InclusionProof& p) { p.leaf = ReceiptLeaf{}; },
       "the leaf is not"},
      {"another place", [](InclusionProof& p) { p.leaf_index = 2; }, "the leaf is not number 2"},
      {"a place outside", [](InclusionProof& p) { p.leaf_index = 5; }, "the leaf is not number 5"},
      {"a longer path", [](InclusionProof& p) { p.leaf_path.push_back({}); }, "the leaf is not"},
      {"an empty path", [](InclusionProof& p) { p.leaf_path.clear(); }, "the leaf is not"},
      {"another count", [](InclusionProof& p) { p.block.count = 6; }, "is not in the history"},
      {"another height", [](InclusionProof& p) { p.block.height = 41; }, "block 41 is not in"},
      {"another history", [](InclusionProof& p) { p.history_path[0] = {}; },
       "is not in the history"},
      {"another place there", [](InclusionProof& p) { p.history_index = 3; },
       "is not in the history"},
      {"an empty history", [](InclusionProof& p) { p.history_size = 0; }, "is not in the history"},
      {"a header before the block", [](InclusionProof& p) { p.header.height = 42; }, "has hash"},
      {"another app hash", [](InclusionProof& p) { p.header.app_hash = {}; }, "has hash"},
  };
  for (const auto& c : kCases) {
    CAPTURE(c.what);
    InclusionProof changed = proof;
    c.change(changed);
    const absl::Status status = VerifyProof(changed, hash);
    CHECK(status.code() == absl::StatusCode::kInvalidArgument);
    CHECK_MESSAGE(Message(status).find(c.reason) != std::string::npos, Message(status));
  }
  CHECK_FALSE(VerifyProof(proof, BlockHash{}).ok());
}

TEST_CASE("a header cannot cover its own block, even where all hashes fit") {
  InclusionProof proof = MakeProof(5, 3, 6, 2);
  proof.header.height = proof.block.height;
  const absl::Status status = VerifyProof(proof, HashOf(proof.header));
  CHECK(Message(status) == "header 42 cannot cover block 42");
}

TEST_CASE("no changed byte of a proof makes it prove anything else") {
  const InclusionProof proof = MakeProof(5, 3, 6, 2);
  const BlockHash hash = HashOf(proof.header);
  Bytes bytes = Encode(proof);
  for (size_t i = 0; i < bytes.size(); ++i) {
    for (const uint8_t flip : {1, 2, 4, 128}) {
      bytes[i] ^= flip;
      const absl::StatusOr<InclusionProof> changed = Decode<InclusionProof>(bytes);
      bytes[i] ^= flip;
      if (!changed.ok() || !VerifyProof(*changed, hash).ok()) continue;
      // The history's size is only a hint about the tree's shape.
      CHECK(changed->leaf == proof.leaf);
      CHECK(changed->leaf_index == proof.leaf_index);
      CHECK(changed->block == proof.block);
      CHECK(changed->header == proof.header);
    }
  }
}

TEST_CASE("the root of a block's transactions covers their signatures") {
  SignedTx tx = Filler().Make<SignedTx>();
  const Hash root = TxsRoot(std::vector<SignedTx>{tx});
  const TxHash hash = HashOf(tx);
  tx.signature.bytes[0] ^= 1;
  CHECK(HashOf(tx) == hash);
  CHECK(TxsRoot(std::vector<SignedTx>{tx}) != root);
}

}  // namespace
}  // namespace gonka
