#pragma once

#include "gonka/consensus/replay.h"
#include "gonka/ledger/ledger.h"

namespace gonka::consensus {

// Adds what a block did. state: before its writes.
void AddBlock(ReplayTotals& totals, const ledger::View& state, const Block& block,
              const ledger::BlockResult& result);
// Its notices alone: genesis has no transactions.
void AddNotices(ReplayTotals& totals, const ledger::BlockResult& result);
// What only the last state says.
void Finish(ReplayTotals& totals, const ledger::View& state);

}  // namespace gonka::consensus
