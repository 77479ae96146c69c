#include "gonka/verify/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "gonka/crypto/hash.h"

namespace gonka::verify {
namespace {

Structure StructureOf(const Answer& answer) {
  return {.output = answer.output,
          .finish = answer.finish,
          .tokens_max = answer.tokens_max,
          .vocabulary = answer.shape.vocabulary,
          .stop_ids = answer.stop_ids,
          .ends_with_stop_string = answer.ends_with_stop_string};
}

absl::Status CheckScore(const Answer& answer, size_t position, const engine::ScoredToken& score) {
  if (score.facts.id != answer.output[position]) {
    return absl::InvalidArgumentError(fmt::format("scores: token {} is {} where the answer has {}",
                                                  position, score.facts.id,
                                                  answer.output[position]));
  }
  if (!std::isfinite(score.entropy) || score.entropy < -1e-3f) {
    return absl::InvalidArgumentError(
        fmt::format("scores: token {} has an entropy of {}", position, score.entropy));
  }
  if (std::isnan(score.margin) || score.margin < 0) {
    return absl::InvalidArgumentError(
        fmt::format("scores: token {} has a margin of {}", position, score.margin));
  }
  return absl::OkStatus();
}

// Distinct leaves, from the challenge alone. A 64-bit remainder's bias is of no consequence here.
std::vector<uint32_t> DrawLeaves(const Hash& challenge, uint32_t leaves, uint32_t count) {
  std::set<uint32_t> drawn;
  for (uint64_t i = 0; drawn.size() < count; ++i) {
    const Hash hash = TaggedHash("gonka/open-leaf/1", challenge, i);
    drawn.insert(static_cast<uint32_t>(Reader(hash.span()).Int<uint64_t>() % leaves));
  }
  return {drawn.begin(), drawn.end()};
}

absl::Status CheckAsked(std::span<const uint32_t> asked, const Opening& opening) {
  const bool same =
      std::equal(asked.begin(), asked.end(), opening.leaves.begin(), opening.leaves.end(),
                 [](uint32_t leaf, const LeafOpening& o) { return leaf == o.leaf; });
  if (same) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("the opening has {} leaves that are not just the {} asked for",
                  opening.leaves.size(), asked.size()));
}

}  // namespace

absl::StatusOr<engine::ScoreRequest> ScoreRequestFor(const Answer& answer) {
  GONKA_RETURN_IF_ERROR(CheckShape(answer.shape));
  if (answer.prompt.empty() || answer.output.empty()) {
    return absl::InvalidArgumentError(
        fmt::format("an answer of {} tokens to a prompt of {} tokens cannot be scored",
                    answer.output.size(), answer.prompt.size()));
  }
  engine::ScoreRequest request{
      .tokens = answer.prompt,
      .output_begin = static_cast<uint32_t>(answer.prompt.size()),
      .top_k_facts = std::min(answer.shape.vocabulary, std::max(kVerifierTopK, answer.shape.k)),
      .sampler = answer.sampler,
      .sampling_seed = answer.sampling_seed};
  request.tokens.insert(request.tokens.end(), answer.output.begin(), answer.output.end());
  for (size_t i = 0; i < request.tokens.size(); ++i) {
    if (request.tokens[i] < answer.shape.vocabulary) continue;
    return absl::InvalidArgumentError(
        fmt::format("token {} of prompt and output is id {} of a "
                    "vocabulary of {}",
                    i, request.tokens[i], answer.shape.vocabulary));
  }
  return request;
}

Judgement JudgeStructure(const Answer& answer) {
  return JudgeStructure(StructureOf(answer));
}

Check::Check(Answer answer, std::vector<engine::ScoredToken> scores, const Hash& scores_root)
    : answer_(std::move(answer)), scores_(std::move(scores)), scores_root_(scores_root) {}

absl::StatusOr<Check> Check::Begin(Answer answer, std::vector<engine::ScoredToken> scores) {
  if (scores.size() != answer.output.size()) {
    return absl::InvalidArgumentError(
        fmt::format("{} scores for an answer of {} tokens", scores.size(), answer.output.size()));
  }
  for (size_t i = 0; i < scores.size(); ++i) {
    GONKA_RETURN_IF_ERROR(CheckScore(answer, i, scores[i]));
  }
  const auto root = ScoresRoot(scores, answer.shape);
  if (!root.ok()) return Annotate(root.status(), "scores");
  return Check(std::move(answer), std::move(scores), *root);
}

std::vector<uint32_t> Check::LeavesToOpen(const Hash& challenge) const {
  const uint32_t leaves = LeafCount(static_cast<uint32_t>(answer_.output.size()));
  return DrawLeaves(challenge, leaves, std::min(leaves, kOpenAllTokens / kLeafTokens));
}

absl::StatusOr<Judgement> Check::Judge(const Calibration& calibration, const Hash& challenge,
                                       const Opening& opening) const {
  GONKA_RETURN_IF_ERROR(CheckAsked(LeavesToOpen(challenge), opening));
  std::vector<OpenedToken> opened;
  for (const LeafOpening& leaf : opening.leaves) {
    auto tokens = VerifyOpening(answer_.shape, answer_.artifact_root, answer_.output, leaf);
    if (absl::IsInvalidArgument(tokens.status())) return FailedOpening(Message(tokens.status()));
    if (!tokens.ok()) return tokens.status();
    for (uint32_t i = 0; i < tokens->size(); ++i) {
      opened.push_back({leaf.leaf * kLeafTokens + i, std::move((*tokens)[i])});
    }
  }
  return verify::Judge(calibration, {.structure = StructureOf(answer_),
                                     .k = answer_.shape.k,
                                     .executor_class = answer_.executor_class,
                                     .verifier_class = answer_.verifier_class,
                                     .scores = scores_,
                                     .opened = opened});
}

absl::StatusOr<Judgement> CheckAnswer(const Calibration& calibration, const Answer& answer,
                                      const Hash& challenge, const Scorer& scorer,
                                      const Opener& opener) {
  Judgement structure = JudgeStructure(answer);
  if (structure.outcome == Outcome::kFail) return structure;
  GONKA_ASSIGN_OR_RETURN(const engine::ScoreRequest request, ScoreRequestFor(answer));
  GONKA_ASSIGN_OR_RETURN(std::vector<engine::ScoredToken> scores, scorer(request));
  GONKA_ASSIGN_OR_RETURN(const Check check, Check::Begin(answer, std::move(scores)));
  GONKA_ASSIGN_OR_RETURN(const Opening opening, opener(check.LeavesToOpen(challenge)));
  return check.Judge(calibration, challenge, opening);
}

}  // namespace gonka::verify
