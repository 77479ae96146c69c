#include "gonka/verify/calibration.h"

#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "gonka/base/json.h"

namespace gonka::verify {
namespace {

PairNull Pair(std::string executor, std::string verifier, uint32_t deviation, uint32_t margin) {
  return {.executor_class = std::move(executor),
          .verifier_class = std::move(verifier),
          .bins = {{.deviation_micronats = deviation, .margin_ppb = margin},
                   {.deviation_micronats = 2 * deviation, .margin_ppb = 2 * margin}},
          .bands = {{.tokens_max = 32, .answers = 10}, {.tokens_max = 64, .answers = 20}},
          .environments = {"threads 2"}};
}

Calibration Measured() {
  Calibration calibration = UncalibratedModel();
  calibration.model = "tiny";
  calibration.entropy_edges_micronats = {500'000};
  calibration.pairs = {Pair("a/1", "a/1", 20'000, 200'000),
                       Pair("a/1", "b/1", 300'000, 20'000'000)};
  return calibration;
}

TEST_CASE("a measured pair is judged by its own bounds, bin by bin") {
  const Null null(Measured(), "a/1", "a/1");
  CHECK(null.measured());
  CHECK(null.Deviation(0.1f) == doctest::Approx(0.02));
  CHECK(null.Deviation(0.6f) == doctest::Approx(0.04));
  CHECK(null.Margin(0.1f) == doctest::Approx(0.0002));
  CHECK(null.Margin(100.0f) == doctest::Approx(0.0004));
}

TEST_CASE("a pair never seen gets more room than any that was") {
  const Null unseen(Measured(), "a/1", "c/1");
  CHECK_FALSE(unseen.measured());
  const Null loosest(Measured(), "a/1", "b/1");
  const Null unknown_model(UncalibratedModel(), "a/1", "a/1");
  for (const float entropy : {0.1f, 1.0f}) {
    CHECK(unseen.Deviation(entropy) >= loosest.Deviation(entropy));
    CHECK(unseen.Margin(entropy) >= loosest.Margin(entropy));
    CHECK(unseen.Deviation(entropy) >= unknown_model.Deviation(entropy));
    CHECK(unseen.Margin(entropy) >= unknown_model.Margin(entropy));
  }
}

TEST_CASE("a record comes back as it was, and no bytes are an uncalibrated model") {
  CHECK(DecodeCalibration(Encode(Measured())).value() == Measured());
  CHECK(DecodeCalibration({}).value() == UncalibratedModel());
  Bytes longer = Encode(Measured());
  longer.push_back(0);
  CHECK(Message(DecodeCalibration(longer).status()) == "calibration: record has trailing bytes");
  CHECK(Message(DecodeCalibration(Bytes(65'537)).status()) ==
        "calibration of 65537 bytes, at most 65536 are taken");
}

TEST_CASE("a record that would judge wrongly is refused") {
  struct Row {
    std::function<void(Calibration&)> change;
    const char* message;
  };
  const std::vector<Row> table{
      {[](auto& c) { c.fail_millinats = 11'512; },
       "calibration: fail_millinats is 11512, which is not in 11513 .. 100000"},
      {[](auto& c) {
         c.entropy_edges_micronats = {500'000, 500'000};
       },
       "calibration: entropy_edges_micronats do not ascend"},
      {[](auto& c) { c.entropy_edges_micronats = {}; },
       "calibration: pair a/1 / a/1: number of bins is 2, which is not in 1 .. 1"},
      {[](auto& c) { c.pairs[0].bins[1].deviation_micronats = 15'999; },
       "calibration: pair a/1 / a/1: deviation_micronats is 15999, which is not in 16000 .. "
       "1000000"},
      {[](auto& c) { c.pairs[1].bins[0].margin_ppb = 0; },
       "calibration: pair a/1 / b/1: margin_ppb is 0, which is not in 20000 .. 100000000"},
      {[](auto& c) { c.pairs[1].verifier_class = "a/1"; },
       "calibration: pairs do not ascend at a/1 / a/1"},
      {[](auto& c) { c.pairs[0].executor_class = ""; }, "calibration: pair  / a/1 lacks a class"},
      {[](auto& c) { c.pairs[0].bands[1].tokens_max = 32; },
       "calibration: pair a/1 / a/1: bands do not ascend"},
  };
  for (const Row& row : table) {
    Calibration calibration = Measured();
    row.change(calibration);
    CHECK(Message(CheckCalibration(calibration)) == row.message);
    CHECK(Message(DecodeCalibration(Encode(calibration)).status()) == row.message);
  }
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), path);
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST_CASE("the measured records that are checked in are valid, and their JSON twins say the same") {
  for (const char* model : {"tiny", "smollm2"}) {
    const std::string path =
        std::string(GONKA_SOURCE_DIR) + "/apps/devnet/calibration/" + std::string(model);
    const auto calibration = DecodeCalibration(AsBytes(ReadFile(path + ".bin")));
    REQUIRE(calibration.ok());
    CHECK(ToJson(*calibration) + "\n" == ReadFile(path + ".json"));
    const Null null(*calibration, "torch-cpu-fp32/1", "torch-cpu-fp32/1");
    CHECK(null.measured());
  }
}

}  // namespace
}  // namespace gonka::verify
