#pragma once

// What an executor leaves behind so that others can check its work: for every output token the k
// likeliest next tokens with their raw log-probabilities, and the same of the token it chose.
// Tokens are grouped in leaves of 32; the Merkle root over the leaves goes on the ledger, and
// leaves are opened later, each with its path. doc/artifact.md has the bytes.
//
// Every leaf has one encoding, and the decoder refuses all others. Any thread; nothing is shared.

#include <cstdint>
#include <span>
#include <vector>

#include "gonka/base/codec.h"
#include "gonka/base/status.h"
#include "gonka/crypto/merkle.h"
#include "gonka/engine/engine.h"

namespace gonka::verify {

inline constexpr uint32_t kLeafTokens = 32;
inline constexpr uint32_t kTopKMax = 16;
// At most 12 bytes a token with vocabularies up to 2^17; five entries would take 14.
inline constexpr uint32_t kTopKDefault = 4;
inline constexpr uint32_t kVocabularyMax = 1u << 24;
inline constexpr uint32_t kOutputTokensMax = 131'072;

// Log-probabilities are kept as whole steps of 1/32 nat below zero; the last step also stands for
// everything less likely (about -16 nats).
inline constexpr uint32_t kStepsPerNat = 32;
inline constexpr uint16_t kStepsMax = 511;
// Half a step rounds up. logprob is finite and at most 0 but for rounding.
uint16_t QuantiseLogprob(float logprob);

// What executor and verifier must agree on to read an artifact.
struct ArtifactShape {
  uint32_t k = kTopKDefault;  // 1 .. kTopKMax, at most the vocabulary.
  uint32_t vocabulary = 0;    // At most kVocabularyMax.
  GONKA_FIELDS(ArtifactShape, k, vocabulary)
};
absl::Status CheckShape(const ArtifactShape& shape);

struct ArtifactEntry {
  uint32_t id = 0;
  uint16_t steps = 0;  // -logprob * kStepsPerNat.
  bool operator==(const ArtifactEntry&) const = default;
};

// One token as the artifact states it.
struct ArtifactToken {
  uint32_t id = 0;                 // Chosen.
  uint16_t steps = 0;              // Of the chosen token.
  std::vector<ArtifactEntry> top;  // k entries, ascending by (steps, id).
  bool operator==(const ArtifactToken&) const = default;
};

using LeafBlock = Blob<2560>;

// How many leaves cover so many tokens, and how many tokens leaf covers.
uint32_t LeafCount(uint32_t tokens);
uint32_t TokensInLeaf(uint32_t tokens, uint32_t leaf);

// The packed form of at most 32 tokens; their chosen ids are not in it, since whoever reads it has
// them. EncodeBlock checks its input, which comes from BuildArtifact or DecodeBlock.
LeafBlock EncodeBlock(const ArtifactShape& shape, std::span<const ArtifactToken> tokens);
// InvalidArgument says what is wrong and at which token of the leaf: length, padding, rank, ids out
// of the vocabulary or twice, values out of order, probabilities that sum above 1.
absl::StatusOr<std::vector<ArtifactToken>> DecodeBlock(const ArtifactShape& shape,
                                                       std::span<const uint32_t> ids,
                                                       ByteSpan block);
// The Merkle leaf: covers the shape, the leaf's index, its token ids and its block.
Hash LeafHash(const ArtifactShape& shape, uint32_t leaf, std::span<const uint32_t> ids,
              ByteSpan block);

struct LeafOpening {
  uint32_t leaf = 0;
  LeafBlock block;
  MerklePath path;
  GONKA_FIELDS(LeafOpening, leaf, block, path)
};

// What the executor (or the transfer agent, which has a copy) answers when asked for leaves.
struct Opening {
  static constexpr RecordKind kKind{41, 1};
  List<LeafOpening, kOutputTokensMax / kLeafTokens> leaves;  // Ascending.
  GONKA_FIELDS(Opening, leaves)
};

// A whole artifact, as executor and transfer agent keep it. The token ids are the payload's.
struct Artifact {
  static constexpr RecordKind kKind{40, 1};
  ArtifactShape shape;
  List<LeafBlock, kOutputTokensMax / kLeafTokens> blocks;
  GONKA_FIELDS(Artifact, shape, blocks)
};

// Takes the facts as an engine reports them; each token needs at least k entries. InvalidArgument
// names the token and the value: not finite, above 0, unsorted, an id twice or out of range.
absl::StatusOr<Artifact> BuildArtifact(std::span<const engine::TokenFacts> tokens,
                                       const ArtifactShape& shape);
// Of an artifact that came from elsewhere: every block must decode.
absl::Status CheckArtifact(const Artifact& artifact, std::span<const uint32_t> ids);

// ids are the answer's tokens; as many blocks as leaves.
Hash ArtifactRoot(const Artifact& artifact, std::span<const uint32_t> ids);
uint32_t ArtifactBytes(const Artifact& artifact);  // Of all blocks: Finish::artifact_bytes.
LeafOpening OpenLeaf(const Artifact& artifact, std::span<const uint32_t> ids, uint32_t leaf);
// InvalidArgument where a leaf is beyond the answer, or leaves do not ascend.
absl::StatusOr<Opening> OpenLeaves(const Artifact& artifact, std::span<const uint32_t> ids,
                                   std::span<const uint32_t> leaves);

// The tokens of one opened leaf. DataLoss where the path does not lead from leaf, ids and block to
// root: then it is not what the executor committed to, whoever sent it. InvalidArgument where it
// is, but does not decode: then the executor committed to something that is no artifact.
absl::StatusOr<std::vector<ArtifactToken>> VerifyOpening(const ArtifactShape& shape,
                                                         const Hash& root,
                                                         std::span<const uint32_t> ids,
                                                         const LeafOpening& opening);

// The root of a validator's own scores, signed before it sees the artifact, so that it cannot copy:
// the same leaves with entropy, the draw and the margin added. InvalidArgument as BuildArtifact.
absl::StatusOr<Hash> ScoresRoot(std::span<const engine::ScoredToken> scores,
                                const ArtifactShape& shape);

}  // namespace gonka::verify
