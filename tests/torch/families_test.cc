#include "engine/families.h"

#include "gonka/engine/torch.h"

namespace gonka::engine {

TEST_CASE("log-probabilities over 512 tokens are those of transformers, in every family") {
  CheckLogprobsOfFamilies(MakeTorchEngine, 1e-4);
}

TEST_CASE("greedy answers of 200 tokens are those of transformers, in every family") {
  CheckGreedyAnswersOfFamilies(MakeTorchEngine);
}

}  // namespace gonka::engine
