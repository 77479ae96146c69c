// The calibration record, which comes from the ledger's governed parameters.

#include "gonka/verify/calibration.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::verify;
  const gonka::ByteSpan bytes{data, size};
  const auto calibration = DecodeCalibration(bytes);
  if (!calibration.ok()) return 0;
  GONKA_CHECK(bytes.empty() || gonka::Encode(*calibration) == gonka::ToBytes(bytes));
  for (const float entropy : {-1.0f, 0.0f, 1.0f, 100.0f}) {
    for (const char* verifier : {"", "a/1"}) {
      const Null null(*calibration, "a/1", verifier);
      GONKA_CHECK(null.Deviation(entropy) > 0 && null.Margin(entropy) > 0);
    }
  }
  return 0;
}
