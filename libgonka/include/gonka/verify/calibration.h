#pragma once

// What honest executors look like to a verifier: the null model against which answers are judged,
// one per pair of arithmetics (executor's kernel class, verifier's kernel class). Measured by
// benchmarks/verification/calibrate, carried by the ledger (ModelInfo::calibration), so that all
// validators judge alike. Integers only.
//
// Tokens fall into bins by the entropy of their distribution, because an uncertain model amplifies
// rounding. A bin holds two bounds: what an honest pair's mean deviation and mean margin stay
// below, on any honest machine. The bounds are the worst measured environment's means times a
// stated factor, and never below a floor, so machines that nobody measured are inside too.

#include <cstdint>
#include <span>

#include "gonka/base/codec.h"
#include "gonka/base/status.h"

namespace gonka::verify {

inline constexpr size_t kBinsMax = 16;
inline constexpr size_t kCalibrationBytesMax = 65'536;

struct BinNull {
  // Bound on the honest mean of a token's log-probability deviation (channels.h), in 10^-6 nat.
  uint32_t deviation_micronats = 0;
  // Bound on the honest mean of a token's clipped margin (channels.h), in 10^-9 of the clip.
  uint32_t margin_ppb = 0;
  // What was measured in the worst environment; for reading, judging does not use it.
  uint32_t measured_deviation_micronats = 0;
  uint32_t measured_margin_ppb = 0;
  uint64_t measured_tokens = 0;  // In all environments together.
  GONKA_FIELDS(BinNull, deviation_micronats, margin_ppb, measured_deviation_micronats,
               measured_margin_ppb, measured_tokens)
};

// Honest answers of up to tokens_max tokens, as measured: what an explanation calls normal. Ratios
// to the bounds in Ppm; evidence in millinats before clipping. Judging does not use it.
struct AnswerBand {
  uint32_t tokens_max = 0;
  uint32_t answers = 0;
  uint32_t deviation_median_ppm = 0;
  uint32_t deviation_highest_ppm = 0;
  uint32_t margin_highest_ppm = 0;
  int32_t evidence_highest_millinats = 0;
  GONKA_FIELDS(AnswerBand, tokens_max, answers, deviation_median_ppm, deviation_highest_ppm,
               margin_highest_ppm, evidence_highest_millinats)
};

struct PairNull {
  Text<64> executor_class;
  Text<64> verifier_class;
  List<BinNull, kBinsMax> bins;     // One more than there are edges.
  List<AnswerBand, 16> bands;       // Ascending by tokens_max.
  List<Text<96>, 32> environments;  // What was measured, in words.
  GONKA_FIELDS(PairNull, executor_class, verifier_class, bins, bands, environments)
};

struct Calibration {
  static constexpr RecordKind kKind{42, 1};
  Text<128> model;
  List<uint32_t, kBinsMax - 1> entropy_edges_micronats;  // Strictly ascending.
  List<PairNull, 32> pairs;  // Strictly ascending by (executor_class, verifier_class).
  // Evidence of one channel at which an answer fails: with bounds that hold, an honest answer
  // reaches it with probability e^-fail per channel. At least kFailMillinatsMin.
  int32_t fail_millinats = 0;
  Text<512> command;  // That measured it.
  GONKA_FIELDS(Calibration, model, entropy_edges_micronats, pairs, fail_millinats, command)
};

inline constexpr int32_t kFailMillinatsMin = 11'513;      // ln 10^5
inline constexpr int32_t kFailMillinatsDefault = 13'816;  // ln 10^6
// No bound may be tighter: half of the artifact's quantisation step rounds to a mean of 1/128 nat
// whatever the machine, and with this margin bound one odd token alone weighs up to 9.4
// nats, which must stay below kFailMillinatsMin.
inline constexpr uint32_t kDeviationFloorMicronats = 16'000;
inline constexpr uint32_t kMarginFloorPpb = 20'000;

// InvalidArgument names the field and the value.
absl::Status CheckCalibration(const Calibration& calibration);
// Decodes and checks. Empty bytes are a model that nobody calibrated: the fallback alone.
absl::StatusOr<Calibration> DecodeCalibration(ByteSpan bytes);
Calibration UncalibratedModel();

// The bounds for one pair of classes. A pair that nobody measured gets, bin by bin, the loosest
// bound of any measured pair or of the built-in fallback (which covers 16-bit arithmetic on one
// side), whichever is looser: unknown machines are given more room, never less. Cheap copies that
// differ by tenths of a nat are still caught, finer ones take more answers.
class Null {
 public:
  Null(const Calibration& calibration, std::string_view executor_class,
       std::string_view verifier_class);

  bool measured() const { return measured_; }
  double Deviation(float entropy) const { return Bin(entropy).deviation; }  // Nats.
  double Margin(float entropy) const { return Bin(entropy).margin; }        // Of the clip.

 private:
  struct Bounds {
    double deviation = 0;
    double margin = 0;
  };
  const Bounds& Bin(float entropy) const;

  std::vector<double> edges_;
  std::vector<Bounds> bins_;
  bool measured_ = false;
};

}  // namespace gonka::verify
