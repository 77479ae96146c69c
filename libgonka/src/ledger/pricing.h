#pragma once

// The price of a token: it moves with the use of its model, block by block, where the model has a
// capacity; otherwise it stays where the model's terms put it.

#include "gonka/ledger/queries.h"
#include "ledger/block_state.h"

namespace gonka::ledger {

// A model begins, or gets other terms: before is what it was, where it was known.
void SetTerms(BlockState& state, const ModelInfo& model, const ModelInfo* before);

ModelPrice PriceIn(const Pricing& pricing);
// What a record costs a token that is opened now, or why its cap is refused: the price in force or
// the cap, whichever is lower; a cap below every price of the request's epoch is refused.
std::variant<Amount, TxCode> PriceFor(BlockState& state, const Request& request);

// Tokens of a finished record.
void CountUse(BlockState& state, const ModelId& model, uint64_t tokens);
// At an epoch's first block, before anything else happens in it.
void BeginPriceEpoch(BlockState& state);
// At the end of a block: the prices of the next one.
void MovePrices(BlockState& state);

}  // namespace gonka::ledger
