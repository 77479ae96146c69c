#include "engine/families.h"

#include "gonka/engine/exact.h"

namespace gonka::engine {
namespace {

absl::StatusOr<std::unique_ptr<LocalEngine>> Make(
    std::shared_ptr<const model::Checkpoint> checkpoint, const LocalOptions& options) {
  return MakeExactEngine(std::move(checkpoint), options);
}

TEST_CASE("cpu-exact/1 over 512 tokens is transformers within rounding, in every family") {
  CheckLogprobsOfFamilies(Make, 1e-4);
}

TEST_CASE(
    "greedy answers of 200 tokens by cpu-exact/1 are those of transformers, in every family") {
  CheckGreedyAnswersOfFamilies(Make);
}

}  // namespace
}  // namespace gonka::engine
