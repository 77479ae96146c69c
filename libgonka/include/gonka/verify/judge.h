#pragma once

// From what was opened and what was recomputed to a verdict that a person can read.

#include <span>
#include <string>
#include <vector>

#include "gonka/verify/channels.h"

namespace gonka::verify {

enum class Outcome : uint8_t { kPass, kFail };

enum class Channel : uint8_t { kStructure, kOpening, kDeviation, kMargin };
const char* ChannelName(Channel channel);  // "log-probabilities"

struct ChannelReport {
  Channel channel = Channel::kStructure;
  bool failed = false;
  uint32_t tokens = 0;          // Looked at.
  double mean_score = 0;        // In units of the honest bound; 0 for structure and opening.
  double log_evidence = 0;      // Natural log, before clipping; 0 for structure and opening.
  uint32_t worst_position = 0;  // The output token with the highest score.
  std::string text;  // What was seen, what was expected, what follows: a sentence or two.
};

struct Judgement {
  Outcome outcome = Outcome::kPass;
  int32_t evidence_millinats = 0;  // kEvidenceMinMillinats .. kEvidenceMaxMillinats.
  std::vector<ChannelReport> channels;
  std::string text;  // All of it, for the notice to the developer and the accused; several lines.
};

// One opened leaf's token at its position in the answer.
struct OpenedToken {
  uint32_t position = 0;
  ArtifactToken token;
};

struct JudgeInput {
  Structure structure;
  uint32_t k = kTopKDefault;
  std::string_view executor_class;
  std::string_view verifier_class;
  std::span<const engine::ScoredToken> scores;  // One for each output token.
  std::span<const OpenedToken> opened;          // Ascending by position.
};

// Structure decides alone. Otherwise an answer fails when the evidence of A or of B by itself
// reaches calibration.fail_millinats; the evidence that the ledger accumulates is bounded and comes
// from the mean of both e-values.
Judgement Judge(const Calibration& calibration, const JudgeInput& input);

// The structure alone, without scores: kFail where it is at fault, else kPass with no evidence.
Judgement JudgeStructure(const Structure& structure);

// An answer that fails without any statistics: what its root covers is no artifact, or nobody can
// open it.
Judgement FailedOpening(const std::string& why);

}  // namespace gonka::verify
