#pragma once

#include "ledger/block_state.h"

namespace gonka::ledger {

// What a conviction brings, at once: reputation 0, part of the collateral burned, removal (for
// fraud that the ledger has seen itself, or after repetition), and every record of the epoch that
// the convict executed and nobody has validated refunded to its developer. Records hold their whole
// cost until settlement, so that covers every refund. The rest of the epoch's pay is forfeited at
// settlement. A second conviction for the same epoch changes nothing but a removal.
void Convict(BlockState& state, uint64_t epoch, const AccountId& accused, ConvictionCause cause);

// One of the convict's finished records: refunded unless it was validated.
void RefundConvicted(BlockState& state, const InferenceId& id, InferenceRecord& record);

}  // namespace gonka::ledger
