#include "gonka/reputation/evidence.h"

#include <doctest/doctest.h>

namespace gonka::reputation {
namespace {

AccountId Party(uint8_t number) {
  AccountId id;
  id.value.bytes[0] = number;
  return id;
}

}  // namespace

TEST_CASE("a hearing's evidence: clipped, summed, and nobody alone reaches the bar") {
  struct Row {
    const char* name;
    std::vector<SampledAnswer> answers;
    int32_t sum;
  };
  // The bar is 9,211: one of three or more counts for 3,071 at most.
  const auto a = [](uint8_t developer, uint8_t ta, int32_t millinats) {
    return SampledAnswer{
        .developer = Party(developer), .ta = Party(ta), .evidence_millinats = millinats};
  };
  const Row rows[] = {
      {"nothing", {}, 0},
      {"good answers count down", {a(1, 1, -500), a(2, 2, -500), a(3, 3, -9'000)}, -1'500},
      {"two developers: plainly the sum", {a(1, 1, 3'912), a(2, 2, 3'912), a(2, 1, 9'999)}, 11'736},
      {"one of three developers",
       {a(1, 1, 3'912), a(1, 2, 3'912), a(1, 3, 3'912), a(2, 4, -500), a(3, 5, -500)},
       2'071},
      {"one of three transfer agents",
       {a(1, 1, 3'912), a(2, 1, 3'912), a(3, 1, 3'912), a(4, 2, -500), a(5, 3, -500)},
       2'071},
      {"three of three", {a(1, 4, 3'912), a(2, 5, 3'912), a(3, 6, 3'912)}, 9'213},
      {"a share that is not full", {a(1, 4, 3'912), a(2, 5, 3'000), a(3, 6, 3'912)}, 9'142},
  };
  for (const Row& row : rows) {
    CAPTURE(row.name);
    CHECK(HearingEvidence({}, row.answers) == row.sum);
  }
}

}  // namespace gonka::reputation
