#include "verify/explain.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gonka::verify::internal {
namespace {

double Mean(const std::vector<ScoredPosition>& tokens, double ScoredPosition::*member) {
  double sum = 0;
  for (const ScoredPosition& token : tokens) sum += token.*member;
  return tokens.empty() ? 0 : sum / static_cast<double>(tokens.size());
}

std::string Conclusion(const ChannelReport& report, double fail_nats) {
  return fmt::format("Log evidence against it {:+.1f}, an answer fails at {:.1f}: {}.",
                     report.log_evidence, fail_nats, report.failed ? "fails" : "passes");
}

std::string FirstOtherDraw(const std::vector<ScoredPosition>& tokens, const ChannelReport& report,
                           std::span<const engine::ScoredToken> scores) {
  const engine::ScoredToken& worst = scores[report.worst_position];
  const double margin = std::max_element(tokens.begin(), tokens.end(), [](auto& a, auto& b) {
                          return a.score < b.score;
                        })->raw;
  if (std::isinf(margin)) {
    return fmt::format("at token {} it draws {}, and its filters exclude the given {}",
                       report.worst_position, worst.drawn_id, worst.facts.id);
  }
  return fmt::format("at token {} it draws {}, {:.3g} nats ahead of the given {}",
                     report.worst_position, worst.drawn_id, margin, worst.facts.id);
}

}  // namespace

std::string ExplainDeviation(const std::vector<ScoredPosition>& tokens, const ChannelReport& report,
                             double fail_nats) {
  if (tokens.empty()) return "Was the right model run? No token of the artifact was opened.";
  const double raw = Mean(tokens, &ScoredPosition::raw);
  return fmt::format(
      "Was the right model run? Over {} tokens the stated log-probabilities differ from the "
      "recomputed ones by {:.4f} nat on average, most at token {}; an honest executor's mean stays "
      "below {:.4f}. {}",
      tokens.size(), raw, report.worst_position, Mean(tokens, &ScoredPosition::bound),
      Conclusion(report, fail_nats));
}

std::string ExplainMargin(const std::vector<ScoredPosition>& tokens, const ChannelReport& report,
                          std::span<const engine::ScoredToken> scores, double fail_nats) {
  if (tokens.empty()) return "Were these tokens drawn from it? There are none.";
  const auto others = std::count_if(scores.begin(), scores.end(),
                                    [](const auto& s) { return s.drawn_id != s.facts.id; });
  const std::string detail =
      others == 0 ? "all as the seed says"
                  : fmt::format("{} are not: {}", others, FirstOtherDraw(tokens, report, scores));
  return fmt::format(
      "Were these tokens drawn from it? Of {} tokens the sampling seed draws {}, {}. {}",
      tokens.size(), tokens.size() - static_cast<size_t>(others), detail,
      Conclusion(report, fail_nats));
}

std::string ExplainAll(const Judgement& judgement) {
  std::string text = fmt::format("{}, evidence {:+.3f} on the ledger's scale.",
                                 judgement.outcome == Outcome::kFail
                                     ? "FAIL: this is not what an honest executor sends"
                                     : "PASS",
                                 judgement.evidence_millinats / 1000.0);
  for (const ChannelReport& channel : judgement.channels) {
    text += fmt::format("\n  {} {}: {}", channel.failed ? "x" : "-", ChannelName(channel.channel),
                        channel.text);
  }
  return text;
}

}  // namespace gonka::verify::internal
