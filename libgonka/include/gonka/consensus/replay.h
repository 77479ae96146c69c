#pragma once

// The driver for audits: executes recorded blocks again, from genesis, and compares.

#include <functional>

#include "gonka/store/database.h"

namespace gonka::consensus {

struct ReplayReport {
  uint64_t height = 0;  // The last block that was executed and agreed.
  uint64_t txs = 0;
  uint64_t events = 0;
  // The first block that does not come out as recorded, and how.
  std::optional<uint64_t> differs_at;
  std::string difference;
};

struct ReplayOptions {
  uint64_t until = UINT64_MAX;    // Height; at most the tip at the start.
  bool check_invariants = false;  // Recompute them from the whole state after every block. Slow.
  std::function<void(uint64_t height, uint64_t of)> progress;  // After every block; may be empty.
};

// Needs the complete archive. A status where the recording cannot be read; a difference is no error
// but a finding. Any thread; other work may go on.
absl::StatusOr<ReplayReport> Replay(const store::Database& recorded,
                                    const ReplayOptions& options = {});

}  // namespace gonka::consensus
