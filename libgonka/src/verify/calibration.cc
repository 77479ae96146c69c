#include "gonka/verify/calibration.h"

#include <fmt/format.h>

#include <algorithm>

namespace gonka::verify {
namespace {

// For machines that nobody measured: logits that are off by about 0.04 nat, several times what
// 16-bit arithmetic on one side was seen to do.
constexpr uint32_t kFallbackDeviationMicronats = 60'000;
constexpr uint32_t kFallbackMarginPpb = 4'000'000;

constexpr uint32_t kDeviationMostMicronats = 1'000'000;
constexpr uint32_t kMarginMostPpb = 100'000'000;
constexpr int32_t kFailMillinatsMax = 100'000;

absl::Status CheckRange(const std::string& field, int64_t value, int64_t least, int64_t most) {
  if (value >= least && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      fmt::format("calibration: {} is {}, which is not in {} .. {}", field, value, least, most));
}

std::pair<const std::string&, const std::string&> KeyOf(const PairNull& pair) {
  return {pair.executor_class, pair.verifier_class};
}

absl::Status CheckPair(const Calibration& calibration, const PairNull& pair) {
  const std::string name = fmt::format("pair {} / {}", std::string(pair.executor_class),
                                       std::string(pair.verifier_class));
  if (pair.executor_class.empty() || pair.verifier_class.empty()) {
    return absl::InvalidArgumentError(fmt::format("calibration: {} lacks a class", name));
  }
  const auto bins = static_cast<int64_t>(calibration.entropy_edges_micronats.size()) + 1;
  GONKA_RETURN_IF_ERROR(
      CheckRange(name + ": number of bins", static_cast<int64_t>(pair.bins.size()), bins, bins));
  for (const BinNull& bin : pair.bins) {
    GONKA_RETURN_IF_ERROR(CheckRange(name + ": deviation_micronats", bin.deviation_micronats,
                                     kDeviationFloorMicronats, kDeviationMostMicronats));
    GONKA_RETURN_IF_ERROR(
        CheckRange(name + ": margin_ppb", bin.margin_ppb, kMarginFloorPpb, kMarginMostPpb));
  }
  for (size_t i = 1; i < pair.bands.size(); ++i) {
    if (pair.bands[i - 1].tokens_max < pair.bands[i].tokens_max) continue;
    return absl::InvalidArgumentError(fmt::format("calibration: {}: bands do not ascend", name));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCalibration(const Calibration& calibration) {
  GONKA_RETURN_IF_ERROR(CheckRange("fail_millinats", calibration.fail_millinats, kFailMillinatsMin,
                                   kFailMillinatsMax));
  const auto& edges = calibration.entropy_edges_micronats;
  if (std::adjacent_find(edges.begin(), edges.end(), std::greater_equal<>()) != edges.end()) {
    return absl::InvalidArgumentError("calibration: entropy_edges_micronats do not ascend");
  }
  for (size_t i = 0; i < calibration.pairs.size(); ++i) {
    const PairNull& pair = calibration.pairs[i];
    GONKA_RETURN_IF_ERROR(CheckPair(calibration, pair));
    if (i == 0 || KeyOf(calibration.pairs[i - 1]) < KeyOf(pair)) continue;
    return absl::InvalidArgumentError(fmt::format("calibration: pairs do not ascend at {} / {}",
                                                  std::string(pair.executor_class),
                                                  std::string(pair.verifier_class)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Calibration> DecodeCalibration(ByteSpan bytes) {
  if (bytes.empty()) return UncalibratedModel();
  if (bytes.size() > kCalibrationBytesMax) {
    return absl::InvalidArgumentError(fmt::format("calibration of {} bytes, at most {} are taken",
                                                  bytes.size(), kCalibrationBytesMax));
  }
  auto calibration = Decode<Calibration>(bytes);
  if (!calibration.ok()) return Annotate(calibration.status(), "calibration");
  GONKA_RETURN_IF_ERROR(CheckCalibration(*calibration));
  return calibration;
}

Calibration UncalibratedModel() {
  Calibration calibration;
  calibration.fail_millinats = kFailMillinatsDefault;
  return calibration;
}

Null::Null(const Calibration& calibration, std::string_view executor_class,
           std::string_view verifier_class) {
  GONKA_CHECK(CheckCalibration(calibration).ok());
  for (const uint32_t edge : calibration.entropy_edges_micronats) edges_.push_back(edge * 1e-6);
  const auto bounds_of = [](uint32_t deviation_micronats, uint32_t margin_ppb) {
    return Bounds{.deviation = deviation_micronats * 1e-6, .margin = margin_ppb * 1e-9};
  };
  bins_.assign(edges_.size() + 1, bounds_of(kFallbackDeviationMicronats, kFallbackMarginPpb));
  for (const PairNull& pair : calibration.pairs) {
    const bool same =
        pair.executor_class == executor_class && pair.verifier_class == verifier_class;
    for (size_t i = 0; i < bins_.size(); ++i) {
      const Bounds bounds = bounds_of(pair.bins[i].deviation_micronats, pair.bins[i].margin_ppb);
      bins_[i].deviation = same ? bounds.deviation : std::max(bins_[i].deviation, bounds.deviation);
      bins_[i].margin = same ? bounds.margin : std::max(bins_[i].margin, bounds.margin);
    }
    measured_ = same;
    if (same) break;
  }
}

const Null::Bounds& Null::Bin(float entropy) const {
  const auto edge = std::upper_bound(edges_.begin(), edges_.end(), static_cast<double>(entropy));
  return bins_[static_cast<size_t>(edge - edges_.begin())];
}

}  // namespace gonka::verify
