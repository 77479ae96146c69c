#include "verification/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gonka::calibrate {
namespace {

using verify::Calibration;
using verify::Null;

constexpr double kConvictionMillinats = 9'211;
constexpr size_t kLongTokens = 32;

Null NullOf(const Calibration& calibration, const ScoresRecord& run,
            const std::string& claimed = "") {
  const std::string& executor_class = run.executor_class;
  return {calibration, claimed.empty() ? executor_class : claimed, run.verifier_class};
}

std::string HonestRow(const Calibration& calibration, const ScoresRecord& run) {
  const Null null = NullOf(calibration, run);
  uint64_t tokens = 0, failed = 0, flips = 0;
  double deviation = 0, margin = 0, highest = -1e9, expectation = 0;
  for (const MeasuredRecord& answer : run.answers) {
    const Evidence evidence = EvidenceOf(null, answer, answer.tokens.size());
    tokens += answer.tokens.size();
    flips += static_cast<uint64_t>(std::count_if(answer.tokens.begin(), answer.tokens.end(),
                                                 [](auto& t) { return t.margin_micronats > 0; }));
    deviation = std::max(deviation, evidence.mean_deviation_score);
    margin = std::max(margin, evidence.mean_margin_score);
    const double log_evidence = std::max(evidence.deviation, evidence.margin);
    highest = std::max(highest, log_evidence);
    failed += log_evidence * 1000 >= calibration.fail_millinats;
    expectation += std::exp(evidence.millinats / 1000.0) / run.answers.size();
  }
  return fmt::format("{:<34} {:<24} {:>6} {:>7} {:>6} {:>7.3f} {:>8.3f} {:>8.2f} {:>6} {:>6.3f}\n",
                     std::string(run.executor), std::string(run.verifier), run.answers.size(),
                     tokens, flips, deviation, margin, highest, failed, expectation);
}

// The fewest tokens after which an answer fails, or 0.
size_t TokensToFail(const Null& null, int32_t fail_millinats, const MeasuredRecord& answer) {
  for (size_t tokens = 1; tokens <= answer.tokens.size(); ++tokens) {
    const Evidence evidence = EvidenceOf(null, answer, tokens);
    if (std::max(evidence.deviation, evidence.margin) * 1000 >= fail_millinats) return tokens;
  }
  return 0;
}

std::string Quantile(const std::vector<size_t>& sorted, size_t answers, double share) {
  const auto index = static_cast<size_t>(std::ceil(share * answers)) - 1;
  return index < sorted.size() ? std::to_string(sorted[index]) : "-";
}

std::string CheatRow(const Calibration& calibration, const ScoresRecord& run,
                     const std::string& claimed) {
  const Null null = NullOf(calibration, run, claimed);
  std::vector<size_t> needed;
  uint64_t by_deviation = 0, by_margin = 0, tokens = 0, long_answers = 0, long_failed = 0;
  double millinats = 0;
  for (const MeasuredRecord& answer : run.answers) {
    const Evidence evidence = EvidenceOf(null, answer, answer.tokens.size());
    tokens += answer.tokens.size();
    by_deviation += evidence.deviation * 1000 >= calibration.fail_millinats;
    by_margin += evidence.margin * 1000 >= calibration.fail_millinats;
    millinats += static_cast<double>(evidence.millinats) / run.answers.size();
    const size_t count = TokensToFail(null, calibration.fail_millinats, answer);
    if (count > 0) needed.push_back(count);
    if (answer.tokens.size() < kLongTokens) continue;
    ++long_answers;
    long_failed += count > 0;
  }
  std::sort(needed.begin(), needed.end());
  const double answers = static_cast<double>(run.answers.size());
  return fmt::format(
      "{:<28} {:<24} {:>6} {:>6.1f} {:>6.1f}% {:>6.1f}% {:>6.1f}% {:>6.1f}% {:>6} {:>5} {:>7.0f} "
      "{:>7}\n",
      std::string(run.executor), std::string(run.verifier), run.answers.size(), tokens / answers,
      100 * by_deviation / answers, 100 * by_margin / answers, 100 * needed.size() / answers,
      long_answers == 0 ? 0 : 100.0 * long_failed / long_answers,
      Quantile(needed, run.answers.size(), 0.5), Quantile(needed, run.answers.size(), 0.95),
      millinats,
      millinats > 0 ? fmt::format("{:.0f}", std::ceil(kConvictionMillinats / millinats)) : "-");
}

}  // namespace

std::string HonestRows(const Calibration& calibration, std::span<const ScoresRecord* const> runs) {
  std::string rows;
  for (const ScoresRecord* run : runs) rows += HonestRow(calibration, *run);
  return rows;
}

std::string HonestTable(const Calibration& calibration, std::span<const ScoresRecord* const> runs) {
  return fmt::format("{:<34} {:<24} {:>6} {:>7} {:>6} {:>7} {:>8} {:>8} {:>6} {:>6}\n",
                     "honest executor", "verifier", "answ.", "tokens", "flips", "A max", "B max",
                     "ln e max", "fails", "E[e']") +
         HonestRows(calibration, runs) +
         "flips: tokens whose draw differs. A max, B max: highest mean score of an answer, in\n"
         "units of the bound; an honest machine's expectation is at most 1. ln e max: highest\n"
         "evidence of an answer in one channel. E[e']: mean of the bounded e-value, at most 1.\n";
}

std::string CheatTable(const Calibration& calibration, std::span<const ScoresRecord* const> runs,
                       const std::string& claimed) {
  std::string table =
      fmt::format("{:<28} {:<24} {:>6} {:>6} {:>7} {:>7} {:>7} {:>7} {:>6} {:>5} {:>7} {:>7}\n",
                  "cheat", "verifier", "answ.", "tokens", "A", "B", "failed", ">= 32", "median",
                  "95 %", "mnat", "convict");
  for (const ScoresRecord* run : runs) table += CheatRow(calibration, *run, claimed);
  if (!claimed.empty()) return table;
  return table +
         "A, B: answers that each channel fails. >= 32: failed among answers of so many tokens.\n"
         "median, 95 %: tokens until an answer fails. mnat: mean evidence of an answer. convict:\n"
         "answers until the product reaches 10^4.\n";
}

}  // namespace gonka::calibrate
