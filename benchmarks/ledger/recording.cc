#include "ledger/recording.h"

#include <map>

#include "ledger/traffic.h"

namespace gonka::bench {

Recording Record(const RecordingOptions& options) {
  Traffic traffic(store::Database::InMemory(), {.participants = options.participants,
                                                .batch = options.batch,
                                                .per_round = options.per_block});
  Recording recording;
  const auto keep = [&recording](std::vector<Block> blocks) {
    for (Block& block : blocks) {
      recording.txs += block.txs.size();
      recording.blocks.push_back(std::move(block));
    }
  };
  for (size_t done = 0; done < options.inferences; done += options.per_block) keep(traffic.Round());
  keep(traffic.Last());
  recording.genesis = traffic.genesis();
  recording.inferences = traffic.finished();
  recording.events = traffic.events();
  recording.chain = std::move(traffic).TakeChain();
  return recording;
}

const Recording& SharedRecording(size_t batch) {
  static std::map<size_t, Recording> made;
  const auto it = made.find(batch);
  if (it != made.end()) return it->second;
  // Single-event transactions: an account's sequence window bounds what one block can take.
  const RecordingOptions options{.batch = batch,
                                 .inferences = batch == 1 ? size_t{8'192} : size_t{16'384},
                                 .per_block = 2'048};
  return made.emplace(batch, Record(options)).first->second;
}

const Recording& SharedEmptyBlocks() {
  static const Recording made = [] {
    Traffic traffic(store::Database::InMemory(), {});
    Recording recording;
    while (recording.blocks.size() < 4'000) {
      for (Block& block : traffic.Last()) recording.blocks.push_back(std::move(block));
    }
    recording.genesis = traffic.genesis();
    return recording;
  }();
  return made;
}

}  // namespace gonka::bench
