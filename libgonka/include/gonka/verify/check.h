#pragma once

// One check of one answer, step by step, without engine, network or threads of its own:
//
//   request = ScoreRequestFor(answer)           -> any engine
//   check   = Check::Begin(answer, scores)      scores came back
//   check.scores_root()                         signed and sent before anything is opened
//   check.LeavesToOpen(challenge)               -> executor, or transfer agent
//   check.Judge(calibration, opening)           -> outcome, evidence, explanation
//
// CheckAnswer does it all with two callbacks.

#include <functional>
#include <string>
#include <vector>

#include "gonka/verify/judge.h"

namespace gonka::verify {

// All that is known about an answer before its artifact is opened: from the payload, the ledger's
// record and the model.
struct Answer {
  std::vector<uint32_t> prompt;
  std::vector<uint32_t> output;
  FinishCode finish = FinishCode::kStop;
  uint32_t tokens_max = 0;
  engine::SamplerOptions sampler;
  Hash sampling_seed;
  std::vector<uint32_t> stop_ids;
  bool ends_with_stop_string = false;  // See Structure.
  ArtifactShape shape;
  Hash artifact_root;          // From Finish.
  std::string executor_class;  // The executor's kernel class, as it claims.
  std::string verifier_class;  // This engine's: EngineInfo::kernel_class.
};

// InvalidArgument where the answer cannot be scored at all: no output, ids out of the vocabulary.
// Such an answer is judged by its structure (JudgeStructure).
absl::StatusOr<engine::ScoreRequest> ScoreRequestFor(const Answer& answer);
// kFail where the answer's structure is at fault, before anything is computed; else kPass.
Judgement JudgeStructure(const Answer& answer);

// Up to this many tokens every leaf is opened; of longer answers as many leaves are drawn.
inline constexpr uint32_t kOpenAllTokens = 256;

class Check {
 public:
  // The verifier's own trouble, never the executor's: scores of another length, or not finite
  // (InvalidArgument). The check is then inconclusive.
  static absl::StatusOr<Check> Begin(Answer answer, std::vector<engine::ScoredToken> scores);

  const Hash& scores_root() const { return scores_root_; }

  // Ascending. The challenge must be unknown to the executor when it committed to the artifact.
  std::vector<uint32_t> LeavesToOpen(const Hash& challenge) const;

  // InvalidArgument where the opening holds other leaves than those asked for, DataLoss where a
  // leaf is not what the root covers: nothing is known then but that the sender did not open it.
  // Ask the other of executor and transfer agent; where both sent something, and neither opens the
  // root, FailedOpening is the judgement. A leaf that is covered but does not decode is a fail.
  absl::StatusOr<Judgement> Judge(const Calibration& calibration, const Hash& challenge,
                                  const Opening& opening) const;

 private:
  Check(Answer answer, std::vector<engine::ScoredToken> scores, const Hash& scores_root);

  Answer answer_;
  std::vector<engine::ScoredToken> scores_;
  Hash scores_root_;
};

using Scorer = std::function<absl::StatusOr<std::vector<engine::ScoredToken>>(
    const engine::ScoreRequest& request)>;
using Opener = std::function<absl::StatusOr<Opening>(std::span<const uint32_t> leaves)>;

// Everything in one call. Errors are those of the callbacks and of Begin: inconclusive.
absl::StatusOr<Judgement> CheckAnswer(const Calibration& calibration, const Answer& answer,
                                      const Hash& challenge, const Scorer& scorer,
                                      const Opener& opener);

}  // namespace gonka::verify
