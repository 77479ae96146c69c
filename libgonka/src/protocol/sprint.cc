#include "gonka/protocol/sprint.h"

#include <algorithm>

#include "gonka/base/codec.h"

namespace gonka {

std::vector<uint32_t> SprintTokens(const SprintInput& input, uint32_t tokens, uint32_t vocabulary) {
  GONKA_CHECK(vocabulary > 0);
  const Hash own =
      TaggedHash("gonka/sprint/input/1", input.seed, input.participant, input.model, input.index);
  std::vector<uint32_t> ids;
  ids.reserve(tokens);
  for (uint32_t block = 0; ids.size() < tokens; ++block) {
    const Hash words = TaggedHash("gonka/sprint/tokens/1", own, block);
    Reader reader(words.span());
    // The bias of the remainder is below 2^-40 and of no use to anybody.
    for (size_t i = 0; i < Hash::kSize / sizeof(uint64_t) && ids.size() < tokens; ++i) {
      ids.push_back(static_cast<uint32_t>(reader.Int<uint64_t>() % vocabulary));
    }
  }
  return ids;
}

SprintShape SprintShapeOf(const SprintParams& params, const ModelInfo& model) {
  SprintShape shape;
  shape.tokens = std::max(std::min(params.input_tokens, model.context), 2u);
  shape.positions = std::min(params.positions, shape.tokens - 1);
  return shape;
}

Hash SprintLeaf(uint32_t index, const Hash& result) {
  Writer leaf;
  leaf.Int(index);
  codec::Write(leaf, result);
  return MerkleLeaf(leaf.Take());
}

Hash SprintCheckersSeed(const Hash& sample_seed, const AccountId& participant,
                        const ModelId& model) {
  return TaggedHash("gonka/sprint/checkers/1", sample_seed, participant, model);
}

Hash SprintSamplesSeed(const Hash& sample_seed, const AccountId& participant,
                       const ModelId& model) {
  return TaggedHash("gonka/sprint/samples/1", sample_seed, participant, model);
}

Hash SprintOpeningHash(const SprintOpening& opening) {
  return TaggedHash("gonka/sprint/opening/1", opening);
}

bool VerifySprintOpening(const SprintOpening& opening, uint32_t count) {
  return MerkleVerify(opening.root, count, opening.index, SprintLeaf(opening.index, opening.result),
                      opening.path);
}

// Two draws of two links each, and one block more, in which the weights of the next epoch are
// known.
uint64_t SprintBlocks(const SprintParams& params) {
  const uint64_t checks = kSprintRounds + 2;  // And the appeal.
  return 5 + uint64_t{params.window_blocks} + checks * params.check_blocks +
         2 * uint64_t{params.reveal_blocks};
}

}  // namespace gonka
