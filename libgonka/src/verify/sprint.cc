#include "gonka/verify/sprint.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/verify/channels.h"
#include "gonka/verify/evidence.h"

namespace gonka::verify {
namespace {

std::vector<uint32_t> IdsOf(std::span<const engine::ScoredToken> scores) {
  std::vector<uint32_t> ids;
  for (const engine::ScoredToken& score : scores) ids.push_back(score.facts.id);
  return ids;
}

std::vector<double> DeviationScores(const Null& null, const ArtifactShape& artifact,
                                    std::span<const ArtifactToken> stated,
                                    std::span<const engine::ScoredToken> scores) {
  std::vector<double> deviations;
  for (size_t i = 0; i < stated.size(); ++i) {
    const double deviation = Deviation(stated[i], scores[i], artifact.k);
    deviations.push_back(DeviationScore(null, scores[i].entropy, deviation));
  }
  return deviations;
}

}  // namespace

absl::StatusOr<engine::ScoreRequest> SprintRequest(const SprintInput& input,
                                                   const SprintShape& shape,
                                                   const ArtifactShape& artifact) {
  GONKA_RETURN_IF_ERROR(CheckShape(artifact));
  return engine::ScoreRequest{
      .tokens = SprintTokens(input, shape.tokens, artifact.vocabulary),
      .output_begin = shape.tokens - shape.positions,
      .top_k_facts = std::min(artifact.vocabulary, std::max(kVerifierTopK, artifact.k))};
}

absl::StatusOr<SprintResult> SprintResultOf(std::span<const engine::ScoredToken> scores,
                                            const ArtifactShape& artifact) {
  if (scores.empty() || scores.size() > kLeafTokens) {
    return absl::InvalidArgumentError(
        fmt::format("a result has 1 to {} scores, not {}", kLeafTokens, scores.size()));
  }
  std::vector<engine::TokenFacts> facts;
  for (const engine::ScoredToken& score : scores) facts.push_back(score.facts);
  GONKA_ASSIGN_OR_RETURN(const Artifact built, BuildArtifact(facts, artifact));
  const LeafBlock& block = built.blocks.front();
  return SprintResult{.block = block, .result = SprintResultHash(artifact, IdsOf(scores), block)};
}

Hash SprintResultHash(const ArtifactShape& artifact, std::span<const uint32_t> ids,
                      const LeafBlock& block) {
  const Hash leaf = LeafHash(artifact, 0, ids, block);
  return MerkleRoot({&leaf, 1});
}

absl::StatusOr<uint32_t> CountProven(const Calibration& calibration, const SprintClaim& claim,
                                     std::span<const SprintSample> samples) {
  const Null null(calibration, claim.executor_class, claim.verifier_class);
  std::vector<double> together;
  uint32_t equal = 0;
  uint32_t close = 0;
  for (const SprintSample& sample : samples) {
    GONKA_ASSIGN_OR_RETURN(const SprintResult own, SprintResultOf(sample.scores, claim.artifact));
    if (own.block == sample.block) {
      ++equal;
      continue;
    }
    const auto stated = DecodeBlock(claim.artifact, IdsOf(sample.scores), sample.block);
    if (!stated.ok()) continue;
    const auto scores = DeviationScores(null, claim.artifact, *stated, sample.scores);
    if (LogEvidence(scores, kLeafTokens) >= kSprintSampleEvidence) continue;
    ++close;
    together.insert(together.end(), scores.begin(), scores.end());
  }
  const bool adds_up = LogEvidence(together, kLeafTokens) >= calibration.fail_millinats / 1000.0;
  return adds_up ? equal : equal + close;
}

}  // namespace gonka::verify
