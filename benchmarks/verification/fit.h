#pragma once

// From measured answers to the calibration, and from the calibration to what it would have said
// about them.

#include <span>
#include <string>
#include <vector>

#include "gonka/verify/calibration.h"
#include "verification/records.h"

namespace gonka::calibrate {

// How far beyond the worst measured environment an honest machine may be that was not measured.
struct FitOptions {
  double deviation_room = 2;
  double margin_room = 4;
  std::string model;
  std::string command;
};

// One pair for each combination of classes among the runs, which are all honest.
verify::Calibration Fit(std::span<const ScoresRecord* const> honest, const FitOptions& options);

struct Evidence {
  double deviation = 0;  // Natural log, of each channel.
  double margin = 0;
  double mean_deviation_score = 0;
  double mean_margin_score = 0;
  int32_t millinats = 0;  // As the ledger gets it.
};
// Of an answer's first `tokens` tokens.
Evidence EvidenceOf(const verify::Null& null, const MeasuredRecord& answer, size_t tokens);

}  // namespace gonka::calibrate
