#pragma once

// The tables that a calibration run prints.

#include <span>
#include <string>

#include "verification/fit.h"

namespace gonka::calibrate {

// Honest runs: how far inside the bounds, false alarms, expectation of the bounded evidence.
std::string HonestTable(const verify::Calibration& calibration,
                        std::span<const ScoresRecord* const> runs);
std::string HonestRows(const verify::Calibration& calibration,
                       std::span<const ScoresRecord* const> runs);
// Cheats: share of answers that fail, tokens until they do, answers until a conviction. With
// claimed not empty as if every executor claimed that kernel class.
std::string CheatTable(const verify::Calibration& calibration,
                       std::span<const ScoresRecord* const> runs, const std::string& claimed);

}  // namespace gonka::calibrate
