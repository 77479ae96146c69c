#include "gonka/verify/check.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "gonka/verify/evidence.h"
#include "unit/verify/pseudo_model.h"

namespace gonka::verify {
namespace {

constexpr Hash kChallenge{{1, 2, 3}};

TEST_CASE("a check commits to its own scores, then opens, then judges") {
  const Served served = Serve(PseudoModel(), PseudoModel(), 1, 100);
  const auto request = ScoreRequestFor(served.answer);
  REQUIRE(request.ok());
  CHECK(request->tokens.size() == 103);
  CHECK(request->output_begin == 3);
  CHECK(request->top_k_facts == kVerifierTopK);

  const auto check = Check::Begin(served.answer, Score(PseudoModel(), served.answer));
  REQUIRE(check.ok());
  CHECK(check->scores_root() ==
        ScoresRoot(Score(PseudoModel(), served.answer), served.answer.shape).value());
  const std::vector<uint32_t> leaves = check->LeavesToOpen(kChallenge);
  CHECK(leaves == std::vector<uint32_t>{0, 1, 2, 3});
  const auto opening = OpenLeaves(served.artifact, served.answer.output, leaves);
  const auto judgement = check->Judge(TightCalibration(), kChallenge, *opening);
  REQUIRE(judgement.ok());
  CHECK(judgement->outcome == Outcome::kPass);
}

TEST_CASE("of a long answer eight leaves are opened, which only the challenge tells") {
  const Served served = Serve(PseudoModel(), PseudoModel(), 2, 1000);
  const auto check = Check::Begin(served.answer, Score(PseudoModel(), served.answer));
  REQUIRE(check.ok());
  std::set<uint32_t> seen;
  for (uint8_t i = 0; i < 20; ++i) {
    const Hash challenge{{i}};
    const std::vector<uint32_t> leaves = check->LeavesToOpen(challenge);
    CHECK(leaves.size() == 8);
    CHECK(leaves == check->LeavesToOpen(challenge));
    CHECK(std::is_sorted(leaves.begin(), leaves.end()));
    seen.insert(leaves.begin(), leaves.end());
  }
  CHECK(seen.size() == 32);  // Every leaf is drawn sooner or later.
  const auto opening =
      OpenLeaves(served.artifact, served.answer.output, check->LeavesToOpen(kChallenge));
  const auto judgement = check->Judge(TightCalibration(), kChallenge, *opening);
  REQUIRE(judgement.ok());
  CHECK(judgement->outcome == Outcome::kPass);
}

TEST_CASE("an opening that is not what was asked for blames nobody") {
  const Served served = Serve(PseudoModel(), PseudoModel(), 3, 100);
  const auto check = Check::Begin(served.answer, Score(PseudoModel(), served.answer));
  REQUIRE(check.ok());
  const auto status = [&](const Opening& opening) {
    return check->Judge(TightCalibration(), kChallenge, opening).status();
  };
  Opening opening = *OpenLeaves(served.artifact, served.answer.output, {{0, 1, 2, 3}});
  Opening fewer = opening;
  fewer.leaves.pop_back();
  CHECK(absl::IsInvalidArgument(status(fewer)));
  CHECK(absl::IsInvalidArgument(status({})));
  Opening twice = opening;
  twice.leaves[2] = twice.leaves[1];
  CHECK(absl::IsInvalidArgument(status(twice)));
  Opening other = opening;
  other.leaves[1].block = other.leaves[2].block;
  CHECK(absl::IsDataLoss(status(other)));
  CHECK(status(opening).ok());
}

TEST_CASE("an executor that committed to rubbish fails once it opens it") {
  Served served = Serve(PseudoModel(), PseudoModel(), 4, 40);
  served.artifact.blocks[1] = LeafBlock{0xff, 0xff, 0xff};
  served.answer.artifact_root = ArtifactRoot(served.artifact, served.answer.output);
  const Judgement judgement = CheckServed(served, PseudoModel());
  CHECK(judgement.outcome == Outcome::kFail);
  CHECK(judgement.evidence_millinats == kEvidenceMaxMillinats);
  CHECK(judgement.text.find("opening: Is the artifact what was committed to? No: leaf 1") !=
        std::string::npos);
}

TEST_CASE("trouble of the verifier's own engine is an error, never a verdict") {
  const Served served = Serve(PseudoModel(), PseudoModel(), 5, 10);
  const std::vector<engine::ScoredToken> good = Score(PseudoModel(), served.answer);
  const auto message = [&](auto change) {
    std::vector<engine::ScoredToken> scores = good;
    change(scores);
    return Message(Check::Begin(served.answer, scores).status());
  };
  CHECK(message([](auto&) {}).empty());
  CHECK(message([](auto& s) { s.pop_back(); }) == "9 scores for an answer of 10 tokens");
  CHECK(message([](auto& s) { s[3].entropy = NAN; }) == "scores: token 3 has an entropy of nan");
  CHECK(message([](auto& s) { s[3].margin = NAN; }) == "scores: token 3 has a margin of nan");
  CHECK(message([](auto& s) { s[3].facts.logprob = NAN; }) ==
        "scores: token 3 has a log-probability of nan");
  CHECK(message([&](auto& s) {
          s[3].facts.id = 1000;
        }).find("scores: token 3 is 1000 where the answer has") == 0);

  const auto broken = [](const engine::ScoreRequest&) {
    return absl::StatusOr<std::vector<engine::ScoredToken>>(absl::UnavailableError("no engine"));
  };
  const auto opener = [](std::span<const uint32_t>) { return absl::StatusOr<Opening>(Opening{}); };
  CHECK(absl::IsUnavailable(
      CheckAnswer(TightCalibration(), served.answer, kChallenge, broken, opener).status()));
}

TEST_CASE("an answer that cannot be scored is judged by its structure") {
  Answer answer = Serve(PseudoModel(), PseudoModel(), 6, 10).answer;
  answer.output[4] = kPseudoVocabulary;
  CHECK(Message(ScoreRequestFor(answer).status()) ==
        "token 7 of prompt and output is id 96 of a vocabulary of 96");
  const auto unused = [](const engine::ScoreRequest&) {
    return absl::StatusOr<std::vector<engine::ScoredToken>>(absl::InternalError("not called"));
  };
  const auto opener = [](std::span<const uint32_t>) { return absl::StatusOr<Opening>(Opening{}); };
  const auto judgement = CheckAnswer(TightCalibration(), answer, kChallenge, unused, opener);
  REQUIRE(judgement.ok());
  CHECK(judgement->outcome == Outcome::kFail);
  answer.output.clear();
  CHECK(absl::IsInvalidArgument(ScoreRequestFor(answer).status()));
}

}  // namespace
}  // namespace gonka::verify
