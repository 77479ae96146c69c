#pragma once

// What is computed in a Sprint, and how its results are committed to: the same for everybody who
// takes part or checks. doc/protocol.md, "Sprint", has the rules.

#include <vector>

#include "gonka/protocol/tx.h"

namespace gonka {

// Input i of a participant, for one model: token ids that nobody could know before the beacon, and
// nobody else computes.
struct SprintInput {
  Hash seed;  // The Sprint's.
  AccountId participant;
  ModelId model;
  uint32_t index = 0;
};
// tokens ids below vocabulary: those of word j, a little-endian u64, modulo the vocabulary, where
// four words at a time are the bytes of TaggedHash("gonka/sprint/tokens/1", h, u32 j / 4) with h =
// TaggedHash("gonka/sprint/input/1", seed, participant, model, u32 index).
std::vector<uint32_t> SprintTokens(const SprintInput& input, uint32_t tokens, uint32_t vocabulary);

// How long inputs are, and how many of their last positions are scored.
struct SprintShape {
  uint32_t tokens = 0;
  uint32_t positions = 0;
};
SprintShape SprintShapeOf(const SprintParams& params, const ModelInfo& model);

// A result is the root of the artifact over the scored positions (doc/artifact.md). Leaf i of the
// commit's tree: MerkleLeaf of u32 i and the result.
Hash SprintLeaf(uint32_t index, const Hash& result);

// Who checks a commit: select::DrawOrder by this seed, by weight, of those who serve the model in
// the epoch but for the participant itself; the first SprintParams::checkers, then substitutes. And
// which results: select::DrawSample(seed, count, SprintParams::samples). sample_seed is the
// Sprint's.
Hash SprintCheckersSeed(const Hash& sample_seed, const AccountId& participant,
                        const ModelId& model);
Hash SprintSamplesSeed(const Hash& sample_seed, const AccountId& participant, const ModelId& model);

// Signed by whoever opens a leaf of its commit.
struct SprintOpening {
  NetworkId network;
  uint64_t epoch = 0;
  AccountId participant;
  ModelId model;
  Hash root;
  uint32_t index = 0;
  Hash result;
  MerklePath path;
  GONKA_FIELDS(SprintOpening, network, epoch, participant, model, root, index, result, path)
};
Hash SprintOpeningHash(const SprintOpening& opening);
// Whether it is what a commit to so many results with this root covers.
bool VerifySprintOpening(const SprintOpening& opening, uint32_t count);

// How often silent checkers are replaced.
inline constexpr uint32_t kSprintRounds = 2;
// From the first block of a Sprint to its end, where every block has a link.
uint64_t SprintBlocks(const SprintParams& params);

}  // namespace gonka
