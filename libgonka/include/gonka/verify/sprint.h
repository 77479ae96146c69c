#pragma once

// Results of a Sprint (protocol.md, "Sprint"): what one forced pass over an input comes to, and how
// many of somebody else's results one's own passes bear out. Any thread; nothing is shared.

#include <span>
#include <string_view>
#include <vector>

#include "gonka/protocol/sprint.h"
#include "gonka/verify/artifact.h"
#include "gonka/verify/calibration.h"

namespace gonka::verify {

// Input i as an engine is asked for it. InvalidArgument where its vocabulary is none.
absl::StatusOr<engine::ScoreRequest> SprintRequest(const SprintInput& input,
                                                   const SprintShape& shape,
                                                   const ArtifactShape& artifact);

// An artifact of one leaf, and its root.
struct SprintResult {
  LeafBlock block;
  Hash result;
};
// InvalidArgument as BuildArtifact; at most kLeafTokens scores.
absl::StatusOr<SprintResult> SprintResultOf(std::span<const engine::ScoredToken> scores,
                                            const ArtifactShape& artifact);
// Of a block that somebody else shows; ids are those of the scored positions.
Hash SprintResultHash(const ArtifactShape& artifact, std::span<const uint32_t> ids,
                      const LeafBlock& block);

// One sampled input: what was opened, and the checker's own scores of it.
struct SprintSample {
  LeafBlock block;
  std::vector<engine::ScoredToken> scores;
};
struct SprintClaim {
  ArtifactShape artifact;
  std::string_view executor_class;  // The participant's arithmetic, as it claims.
  std::string_view verifier_class;
};
// Equal arithmetic gives equal blocks. A block that differs is proven all the same where its
// deviations (channels.h) speak against it with an e-value below kSprintSampleEvidence; but not
// where those of all such blocks together fail as an answer would. A block that does not decode is
// not proven. InvalidArgument where own scores are no result: the checker's own trouble.
absl::StatusOr<uint32_t> CountProven(const Calibration& calibration, const SprintClaim& claim,
                                     std::span<const SprintSample> samples);

// An honest sample reaches it with a probability of at most one in a hundred.
inline constexpr double kSprintSampleEvidence = 4.605;  // ln 100

}  // namespace gonka::verify
