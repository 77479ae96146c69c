#include "verification/fit.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>

#include "gonka/verify/channels.h"
#include "gonka/verify/evidence.h"

namespace gonka::calibrate {
namespace {

using verify::AnswerBand;
using verify::BinNull;
using verify::Calibration;
using verify::PairNull;

constexpr std::array<uint32_t, 6> kEntropyEdges{50'000,    200'000,   500'000,
                                                1'000'000, 2'000'000, 3'000'000};
constexpr std::array<uint32_t, 4> kBandEdges{16, 32, 64, 128};
// Below this a bin's own mean says little, and the mean over all bins stands in for it.
constexpr uint64_t kTokensMin = 300;

float Entropy(const TokenRecord& token) {
  return static_cast<float>(token.entropy_micronats * 1e-6);
}

double Margin(const TokenRecord& token) {
  return token.margin_micronats * 1e-6;
}

struct Sums {
  uint64_t tokens = 0;
  double deviation = 0;
  double margin = 0;

  void Add(const TokenRecord& token) {
    ++tokens;
    deviation += token.deviation_micronats * 1e-6;
    margin += verify::ClippedMargin(Margin(token));
  }
  double MeanDeviation() const { return tokens == 0 ? 0 : deviation / tokens; }
  double MeanMargin() const { return tokens == 0 ? 0 : margin / tokens; }
};

using Bins = std::array<Sums, kEntropyEdges.size() + 1>;

size_t BinOf(const TokenRecord& token) {
  return static_cast<size_t>(
      std::upper_bound(kEntropyEdges.begin(), kEntropyEdges.end(), token.entropy_micronats) -
      kEntropyEdges.begin());
}

struct Environment {
  Bins bins;
  Sums all;
};

Environment Collect(const ScoresRecord& run) {
  Environment environment;
  for (const MeasuredRecord& answer : run.answers) {
    for (const TokenRecord& token : answer.tokens) {
      environment.bins[BinOf(token)].Add(token);
      environment.all.Add(token);
    }
  }
  return environment;
}

uint32_t Bound(double worst, double room, double unit, uint32_t floor) {
  return std::max(floor, static_cast<uint32_t>(std::ceil(worst * room / unit)));
}

BinNull FitBin(const std::vector<Environment>& environments, size_t bin,
               const FitOptions& options) {
  double deviation = 0, margin = 0;
  uint64_t tokens = 0;
  for (const Environment& environment : environments) {
    const Sums& sums = environment.bins[bin];
    const Sums& used = sums.tokens < kTokensMin ? environment.all : sums;
    deviation = std::max(deviation, used.MeanDeviation());
    // Flips are rare, so the mean over all bins is a lower bound for each.
    margin = std::max({margin, used.MeanMargin(), environment.all.MeanMargin()});
    tokens += sums.tokens;
  }
  return {.deviation_micronats =
              Bound(deviation, options.deviation_room, 1e-6, verify::kDeviationFloorMicronats),
          .margin_ppb = Bound(margin, options.margin_room, 1e-9, verify::kMarginFloorPpb),
          .measured_deviation_micronats = static_cast<uint32_t>(std::lround(deviation * 1e6)),
          .measured_margin_ppb = static_cast<uint32_t>(std::lround(margin * 1e9)),
          .measured_tokens = tokens};
}

uint32_t Ppm(double ratio) {
  return static_cast<uint32_t>(std::lround(ratio * 1e6));
}

AnswerBand FitBand(uint32_t tokens_max, std::vector<Evidence> answers) {
  std::sort(answers.begin(), answers.end(), [](const Evidence& a, const Evidence& b) {
    return a.mean_deviation_score < b.mean_deviation_score;
  });
  double margin = 0, evidence = -1e9;
  for (const Evidence& answer : answers) {
    margin = std::max(margin, answer.mean_margin_score);
    evidence = std::max({evidence, answer.deviation, answer.margin});
  }
  return {.tokens_max = tokens_max,
          .answers = static_cast<uint32_t>(answers.size()),
          .deviation_median_ppm = Ppm(answers[answers.size() / 2].mean_deviation_score),
          .deviation_highest_ppm = Ppm(answers.back().mean_deviation_score),
          .margin_highest_ppm = Ppm(margin),
          .evidence_highest_millinats = static_cast<int32_t>(std::lround(evidence * 1000))};
}

std::vector<AnswerBand> FitBands(const verify::Null& null,
                                 const std::vector<const ScoresRecord*>& runs) {
  std::map<uint32_t, std::vector<Evidence>> by_length;
  for (const ScoresRecord* run : runs) {
    for (const MeasuredRecord& answer : run->answers) {
      const auto edge = std::lower_bound(kBandEdges.begin(), kBandEdges.end(),
                                         static_cast<uint32_t>(answer.tokens.size()));
      if (edge == kBandEdges.end() || answer.tokens.empty()) continue;
      by_length[*edge].push_back(EvidenceOf(null, answer, answer.tokens.size()));
    }
  }
  std::vector<AnswerBand> bands;
  for (auto& [tokens_max, answers] : by_length) {
    bands.push_back(FitBand(tokens_max, std::move(answers)));
  }
  return bands;
}

std::string Name(const ScoresRecord& run) {
  return fmt::format("{} / {}", std::string(run.executor), std::string(run.verifier)).substr(0, 96);
}

PairNull FitPair(const std::string& executor_class, const std::string& verifier_class,
                 const std::vector<const ScoresRecord*>& runs, const FitOptions& options) {
  PairNull pair;
  pair.executor_class = executor_class;
  pair.verifier_class = verifier_class;
  std::vector<Environment> environments;
  for (const ScoresRecord* run : runs) {
    environments.push_back(Collect(*run));
    if (pair.environments.size() < 32) pair.environments.push_back(Name(*run));
  }
  for (size_t bin = 0; bin <= kEntropyEdges.size(); ++bin) {
    pair.bins.push_back(FitBin(environments, bin, options));
  }
  return pair;
}

}  // namespace

verify::Calibration Fit(std::span<const ScoresRecord* const> honest, const FitOptions& options) {
  std::map<std::pair<std::string, std::string>, std::vector<const ScoresRecord*>> by_class;
  for (const ScoresRecord* run : honest) {
    by_class[{run->executor_class, run->verifier_class}].push_back(run);
  }
  Calibration calibration = verify::UncalibratedModel();
  calibration.model = options.model;
  calibration.command = options.command;
  calibration.entropy_edges_micronats.assign(kEntropyEdges.begin(), kEntropyEdges.end());
  for (const auto& [classes, runs] : by_class) {
    calibration.pairs.push_back(FitPair(classes.first, classes.second, runs, options));
  }
  size_t index = 0;
  for (const auto& [classes, runs] : by_class) {
    const verify::Null null(calibration, classes.first, classes.second);
    calibration.pairs[index++].bands = FitBands(null, runs);
  }
  return calibration;
}

Evidence EvidenceOf(const verify::Null& null, const MeasuredRecord& answer, size_t tokens) {
  std::vector<double> deviations, margins;
  Evidence evidence;
  for (size_t i = 0; i < tokens; ++i) {
    const TokenRecord& token = answer.tokens[i];
    deviations.push_back(
        verify::DeviationScore(null, Entropy(token), token.deviation_micronats * 1e-6));
    margins.push_back(verify::MarginScore(null, Entropy(token), Margin(token)));
    evidence.mean_deviation_score += deviations.back() / static_cast<double>(tokens);
    evidence.mean_margin_score += margins.back() / static_cast<double>(tokens);
  }
  evidence.deviation = verify::LogEvidence(deviations, verify::kLeafTokens);
  evidence.margin = verify::LogEvidence(margins, verify::kLeafTokens);
  const std::array<double, 2> both{evidence.deviation, evidence.margin};
  evidence.millinats = verify::BoundedMillinats(verify::LogMean(both));
  return evidence;
}

}  // namespace gonka::calibrate
