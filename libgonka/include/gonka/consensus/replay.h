#pragma once

// The driver for audits: executes recorded blocks again, from genesis, and compares.

#include <functional>
#include <map>

#include "gonka/store/database.h"

namespace gonka::consensus {

struct EventCount {
  uint64_t accepted = 0;
  uint64_t refused = 0;
};
struct AmountSum {
  uint64_t count = 0;
  unsigned __int128 amount = 0;  // Base units; no single pot holds so much.
};

// What the blocks did, added up. Names are those of the protocol's JSON.
struct ReplayTotals {
  std::map<std::string, EventCount> events;                    // By kind.
  std::map<std::string, uint64_t> refusals;                    // By TxCode.
  std::map<std::string, uint64_t> notices;                     // By kind.
  std::map<std::string, uint64_t> settled;                     // Records by their terminal state.
  uint64_t open_records = 0;                                   // Not settled at the end.
  std::map<std::string, AmountSum> refunds;                    // By RefundReason.
  std::map<std::string, AmountSum> withheld;                   // By WithholdReason.
  AmountSum executor_fees, ta_fees, validator_fees, emission;  // Paid to participants.
  AmountSum slashed;
  ledger::Totals coins;  // Where every coin is at the end; minted and burned among them.
};

struct ReplayReport {
  uint64_t height = 0;  // The last block that was executed and agreed.
  BlockHash hash;       // Of that block.
  Hash app_hash;        // After it.
  uint64_t txs = 0;
  uint64_t events = 0;
  ReplayTotals totals;
  // The first block that does not come out as recorded, and how. Where all blocks do and the
  // recorded state is still another one, the last block.
  std::optional<uint64_t> differs_at;
  std::string difference;
};

struct ReplayOptions {
  uint64_t until = UINT64_MAX;  // Height; at most the tip at the start.
  // Recompute the invariants from the whole state after every block (slow), or only after the first
  // block of every epoch and the last of all. The totals' sum is checked after every block anyway.
  bool check_invariants = false;
  bool check_invariants_by_epoch = false;
  // Compare all that the recording holds: archive, indexes and, at the tip, every state entry.
  bool check_recording = false;
  std::function<void(uint64_t height, uint64_t of)> progress = {};  // After every block.
};

// Needs the complete archive. A status where the recording cannot be read; a difference is no error
// but a finding. Any thread; other work may go on, but with check_recording the recording must not
// grow.
absl::StatusOr<ReplayReport> Replay(const store::Database& recorded,
                                    const ReplayOptions& options = {});

}  // namespace gonka::consensus
