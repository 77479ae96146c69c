#pragma once

// Answers of the scripted pseudo-model without an engine around it: who writes, who computes the
// artifact and who scores may be different copies of it, with different errors.

#include <vector>

#include "gonka/crypto/hash.h"
#include "gonka/engine/facts.h"
#include "gonka/engine/sampler.h"
#include "gonka/engine/scripted.h"
#include "gonka/verify/check.h"

namespace gonka::verify {

inline constexpr uint32_t kPseudoVocabulary = 96;

inline engine::ScriptedOptions PseudoModel(float noise = 0, uint64_t noise_seed = 1,
                                           uint64_t model_seed = 1) {
  engine::ScriptedOptions options;
  options.info.vocabulary = kPseudoVocabulary;
  options.model_seed = model_seed;
  options.noise = noise;
  options.noise_seed = noise_seed;
  return options;
}

inline std::vector<float> PseudoLogits(const engine::ScriptedOptions& model,
                                       const std::vector<uint32_t>& prompt,
                                       std::span<const uint32_t> output) {
  std::vector<uint32_t> before = prompt;
  before.insert(before.end(), output.begin(), output.end());
  std::vector<float> logits(model.info.vocabulary);
  engine::ScriptedLogits(model, before, logits);
  return logits;
}

inline std::vector<uint32_t> Write(const engine::ScriptedOptions& model, const Answer& request,
                                   uint32_t tokens) {
  std::vector<uint32_t> output;
  for (uint32_t i = 0; i < tokens; ++i) {
    const std::vector<float> logits = PseudoLogits(model, request.prompt, output);
    output.push_back(
        engine::DrawToken(logits, request.sampler, request.sampling_seed, i, request.prompt, output)
            .id);
  }
  return output;
}

inline std::vector<engine::ScoredToken> Score(const engine::ScriptedOptions& model,
                                              const Answer& answer) {
  std::vector<engine::ScoredToken> scores;
  for (uint32_t i = 0; i < answer.output.size(); ++i) {
    const auto output = std::span(answer.output).first(i);
    const std::vector<float> logits = PseudoLogits(model, answer.prompt, output);
    const engine::LogitSummary summary = engine::Summarise(logits);
    const engine::CheckedDraw draw = engine::CheckDraw(logits, answer.sampler, answer.sampling_seed,
                                                       i, answer.prompt, output, answer.output[i]);
    scores.push_back({.facts = engine::FactsOf(logits, summary, answer.output[i], kVerifierTopK),
                      .entropy = static_cast<float>(summary.entropy),
                      .drawn_id = draw.drawn_id,
                      .margin = draw.margin});
  }
  return scores;
}

inline std::vector<engine::TokenFacts> Facts(const engine::ScriptedOptions& model,
                                             const Answer& answer) {
  std::vector<engine::TokenFacts> facts;
  for (const engine::ScoredToken& score : Score(model, answer)) facts.push_back(score.facts);
  return facts;
}

// An answer and the artifact behind its root.
struct Served {
  Answer answer;
  Artifact artifact;
};

// number tells requests apart: another prompt and another sampling seed.
inline Answer PseudoRequest(uint64_t number, uint32_t tokens_max) {
  Answer request;
  request.prompt = {static_cast<uint32_t>(number % kPseudoVocabulary),
                    static_cast<uint32_t>(number / 7 % kPseudoVocabulary), 5};
  request.finish = FinishCode::kLength;
  request.tokens_max = tokens_max;
  request.sampling_seed = TaggedHash("test/seed", number);
  request.shape.vocabulary = kPseudoVocabulary;
  request.executor_class = "pseudo/1";
  request.verifier_class = "pseudo/1";
  return request;
}

// The artifact of prover's forward pass over the output that is in answer already.
inline Served Prove(const engine::ScriptedOptions& prover, Answer answer) {
  auto artifact = BuildArtifact(Facts(prover, answer), answer.shape);
  GONKA_CHECK(artifact.ok());
  answer.artifact_root = ArtifactRoot(*artifact, answer.output);
  return {std::move(answer), *std::move(artifact)};
}

inline Served Serve(const engine::ScriptedOptions& writer, const engine::ScriptedOptions& prover,
                    uint64_t number, uint32_t tokens) {
  Answer answer = PseudoRequest(number, tokens);
  answer.output = Write(writer, answer, tokens);
  return Prove(prover, std::move(answer));
}

// Bounds as tight as they may be, for one pair of classes.
inline Calibration TightCalibration() {
  Calibration calibration = UncalibratedModel();
  calibration.pairs = {
      {.executor_class = "pseudo/1",
       .verifier_class = "pseudo/1",
       .bins = {{.deviation_micronats = kDeviationFloorMicronats, .margin_ppb = kMarginFloorPpb}},
       .bands = {},
       .environments = {}}};
  return calibration;
}

inline Judgement CheckServed(const Served& served, const engine::ScriptedOptions& verifier,
                             const Calibration& calibration = TightCalibration()) {
  const auto scorer = [&](const engine::ScoreRequest&) { return Score(verifier, served.answer); };
  const auto opener = [&](std::span<const uint32_t> leaves) {
    return OpenLeaves(served.artifact, served.answer.output, leaves);
  };
  const auto judgement = CheckAnswer(calibration, served.answer, Hash{}, scorer, opener);
  GONKA_CHECK(judgement.ok());
  return *judgement;
}

}  // namespace gonka::verify
