#pragma once

// Sequence numbers of transactions: each is used once. The window follows the highest one used, so
// that a number that never comes stops nothing.

#include "gonka/ledger/state.h"

namespace gonka::ledger {

// kOk, kSequenceUsed (or fallen out of the window) or kSequenceTooFar (a whole window ahead of it).
TxCode CheckSequence(const SequenceWindow& window, uint64_t sequence);
void UseSequence(SequenceWindow& window, uint64_t sequence);  // One for which CheckSequence is kOk.

}  // namespace gonka::ledger
