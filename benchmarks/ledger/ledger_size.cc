// What a ledger that has grown costs: a network on disk that lives through many epochs and forgets
// none; each line is one of them. Events a second of CPU time are those of making, executing and
// committing blocks (settlements and the archive included, syncs not), as a share of the second
// line's too: nothing is settled in the first.
// State is keys and values of what the rules keep of inferences; the file has the archive of
// blocks, leaves and notices besides.
//
//   ledger_size [inferences [directory]]

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "gonka/ledger/queries.h"
#include "ledger/traffic.h"

namespace gonka::bench {
namespace {

constexpr size_t kPerRound = 2'048;
constexpr uint32_t kEpochBlocks = 100;

struct Size {
  uint64_t keys = 0;
  uint64_t bytes = 0;
};

Size SizeOf(const ledger::View& view, uint8_t letter) {
  Size size;
  const uint8_t prefix[] = {letter};
  view.Scan(prefix, prefix, [&](ByteSpan key, ByteSpan value) {
    ++size.keys;
    size.bytes += key.size() + value.size();
    return true;
  });
  return size;
}

uint64_t BytesOnDisk(const std::string& directory) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

void Run(uint64_t inferences, const std::string& directory) {
  auto database = store::Database::OpenLmdb(directory, {.sync = false});
  if (!database.ok()) {
    fmt::print(stderr, "{}\n", ToString(database.status()));
    std::exit(1);
  }
  Traffic traffic(
      *std::move(database),
      {.per_round = kPerRound, .epoch_blocks = kEpochBlocks, .retained_epochs = 10'000});
  fmt::print("{:>12} {:>12} {:>8} {:>14} {:>12}\n", "inferences", "events/CPU s", "share",
             "state B each", "file B each");
  double second = 0;
  uint64_t events = 0;
  double seconds = 0;
  while (traffic.finished().size() < inferences) {
    const uint64_t epoch = ledger::ReadChain(**traffic.chain().Snapshot()).epoch;
    while (ledger::ReadChain(**traffic.chain().Snapshot()).epoch == epoch) traffic.Round();
    const double rate =
        static_cast<double>(traffic.events() - events) / (traffic.cpu_seconds() - seconds);
    events = traffic.events();
    seconds = traffic.cpu_seconds();
    if (second == 0 && epoch == 1) second = rate;
    const auto done = static_cast<double>(traffic.finished().size());
    const auto snapshot = *traffic.chain().Snapshot();
    const uint64_t state = SizeOf(*snapshot, 'r').bytes + SizeOf(*snapshot, 'x').bytes;
    fmt::print("{:>12} {:>12.0f} {:>8.2f} {:>14.1f} {:>12.0f}\n", traffic.finished().size(), rate,
               second > 0 ? rate / second : 0, static_cast<double>(state) / done,
               static_cast<double>(BytesOnDisk(directory)) / done);
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace gonka::bench

int main(int argc, char** argv) {
  const uint64_t inferences = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::string directory = argc > 2 ? argv[2] : "ledger-size";
  if (inferences == 0 || std::filesystem::exists(directory)) {
    fmt::print(stderr,
               "usage: ledger_size [inferences [directory]]\nthe directory must be new: {}\n",
               directory);
    return 2;
  }
  gonka::bench::Run(inferences, directory);
}
