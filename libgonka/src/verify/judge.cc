#include "gonka/verify/judge.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "gonka/verify/evidence.h"
#include "verify/explain.h"

namespace gonka::verify {
namespace {

using internal::ScoredPosition;

double FailNats(const Calibration& calibration) {
  return calibration.fail_millinats / 1000.0;
}

ChannelReport Summarise(Channel channel, const std::vector<ScoredPosition>& tokens,
                        double fail_nats) {
  std::vector<double> scores;
  for (const ScoredPosition& token : tokens) scores.push_back(token.score);
  ChannelReport report;
  report.channel = channel;
  report.tokens = static_cast<uint32_t>(tokens.size());
  report.log_evidence = LogEvidence(scores, kLeafTokens);
  report.failed = report.log_evidence >= fail_nats;
  if (tokens.empty()) return report;
  const auto worst = std::max_element(scores.begin(), scores.end());
  report.worst_position = tokens[static_cast<size_t>(worst - scores.begin())].position;
  for (const double score : scores) report.mean_score += score;
  report.mean_score /= static_cast<double>(scores.size());
  return report;
}

ChannelReport DeviationChannel(const Null& null, const JudgeInput& input, double fail_nats) {
  std::vector<ScoredPosition> tokens;
  for (const OpenedToken& opened : input.opened) {
    GONKA_CHECK(opened.position < input.scores.size());
    const engine::ScoredToken& score = input.scores[opened.position];
    const double deviation = Deviation(opened.token, score, input.k);
    tokens.push_back({.position = opened.position,
                      .raw = deviation,
                      .bound = null.Deviation(score.entropy),
                      .score = DeviationScore(null, score.entropy, deviation)});
  }
  ChannelReport report = Summarise(Channel::kDeviation, tokens, fail_nats);
  report.text = internal::ExplainDeviation(tokens, report, fail_nats);
  return report;
}

ChannelReport MarginChannel(const Null& null, const JudgeInput& input, double fail_nats) {
  std::vector<ScoredPosition> tokens;
  for (uint32_t i = 0; i < input.scores.size(); ++i) {
    const engine::ScoredToken& score = input.scores[i];
    tokens.push_back({.position = i,
                      .raw = score.margin,
                      .bound = null.Margin(score.entropy) * kMarginClipNats,
                      .score = MarginScore(null, score.entropy, score.margin)});
  }
  ChannelReport report = Summarise(Channel::kMargin, tokens, fail_nats);
  report.text = internal::ExplainMargin(tokens, report, input.scores, fail_nats);
  return report;
}

ChannelReport StructureChannel(const Structure& structure,
                               std::span<const engine::ScoredToken> scores) {
  ChannelReport report;
  report.channel = Channel::kStructure;
  report.tokens = static_cast<uint32_t>(structure.output.size());
  auto fault = StructureFault(structure);
  if (!fault && !scores.empty()) fault = StopFault(structure, scores.back());
  report.failed = fault.has_value();
  report.text = fault ? "Is it a whole answer? No: " + *fault + "." : "Is it a whole answer? Yes.";
  return report;
}

Judgement Conclude(std::vector<ChannelReport> channels, int32_t evidence_millinats) {
  Judgement judgement;
  judgement.evidence_millinats = evidence_millinats;
  judgement.channels = std::move(channels);
  const bool failed = std::any_of(judgement.channels.begin(), judgement.channels.end(),
                                  [](const ChannelReport& channel) { return channel.failed; });
  judgement.outcome = failed ? Outcome::kFail : Outcome::kPass;
  judgement.text = internal::ExplainAll(judgement);
  return judgement;
}

}  // namespace

const char* ChannelName(Channel channel) {
  switch (channel) {
    case Channel::kStructure:
      return "structure";
    case Channel::kOpening:
      return "opening";
    case Channel::kDeviation:
      return "log-probabilities";
    case Channel::kMargin:
      return "draws";
  }
  return "unknown";
}

Judgement Judge(const Calibration& calibration, const JudgeInput& input) {
  ChannelReport structure = StructureChannel(input.structure, input.scores);
  if (structure.failed) return Conclude({std::move(structure)}, kEvidenceMaxMillinats);
  GONKA_CHECK(input.scores.size() == input.structure.output.size());
  const Null null(calibration, input.executor_class, input.verifier_class);
  ChannelReport deviation = DeviationChannel(null, input, FailNats(calibration));
  ChannelReport margin = MarginChannel(null, input, FailNats(calibration));
  const std::array<double, 2> evidence{deviation.log_evidence, margin.log_evidence};
  return Conclude({std::move(structure), std::move(deviation), std::move(margin)},
                  BoundedMillinats(LogMean(evidence)));
}

Judgement JudgeStructure(const Structure& structure) {
  ChannelReport report = StructureChannel(structure, {});
  const int32_t evidence = report.failed ? kEvidenceMaxMillinats : 0;
  return Conclude({std::move(report)}, evidence);
}

Judgement FailedOpening(const std::string& why) {
  ChannelReport report;
  report.channel = Channel::kOpening;
  report.failed = true;
  report.text = "Is the artifact what was committed to? No: " + why + ".";
  return Conclude({std::move(report)}, kEvidenceMaxMillinats);
}

}  // namespace gonka::verify
