#pragma once

// A network's first epoch, recorded once and measured often: transfer agents open records with a
// Start each, executors finish them a block later.

#include <memory>
#include <vector>

#include "gonka/consensus/sequencer.h"

namespace gonka::bench {

struct RecordingOptions {
  size_t participants = 5;
  size_t batch = 64;  // Events in a transaction.
  size_t inferences = 16'384;
  size_t per_block = 2'048;  // Inferences begun in a block.
};

struct Recording {
  Genesis genesis;
  std::vector<Block> blocks;
  std::vector<InferenceId> inferences;
  size_t txs = 0;                           // Of these, so many signatures of transactions.
  size_t events = 0;                        // All accepted.
  std::unique_ptr<consensus::Chain> chain;  // In memory, after the last block.
};

Recording Record(const RecordingOptions& options);
// Made once a process.
const Recording& SharedRecording(size_t batch);
// Blocks of a network in which nothing happens.
const Recording& SharedEmptyBlocks();

}  // namespace gonka::bench
