// The network's weighted draw in a program of your own: fair, the same on every machine, and
// recomputable by everyone who knows the seed. Draws a worker for each of ten thousand jobs and
// shows that their shares follow the weights. Links gonka::select and what stands below.
//
//   draw "any text that all parties know"

#include <cstdio>
#include <cstdlib>
#include <vector>

#include "gonka/crypto/hash.h"
#include "gonka/select/weight_table.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: draw TEXT\n");
    return EXIT_FAILURE;
  }
  const std::vector<uint64_t> weights = {100, 200, 300, 400};
  const gonka::select::WeightTable table(weights);

  constexpr uint64_t kJobs = 10'000;
  std::vector<uint64_t> drawn(weights.size());
  for (uint64_t job = 0; job < kJobs; ++job) {
    // One seed a draw, made from what nobody can choose (a beacon) and from what the draw is about.
    const gonka::Hash beacon = gonka::Blake2b(gonka::AsBytes(argv[1]));
    ++drawn[*table.Draw(gonka::TaggedHash("example/job/1", beacon, job))];
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    std::printf("worker %zu: weight %3llu of %llu, drawn %4llu times of %llu\n", i,
                static_cast<unsigned long long>(weights[i]),
                static_cast<unsigned long long>(table.total()),
                static_cast<unsigned long long>(drawn[i]), static_cast<unsigned long long>(kJobs));
  }
}
