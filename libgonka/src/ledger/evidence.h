#pragma once

// Evidence that adds up against one executor in one epoch.
//
// The CUSUM adds the clipped millinats of every verdict with floor 0. It raises the alarm once it
// reaches params.check.alarm_millinats, with this condition: wherever there are three or more
// developers (whom the executor served in the epoch), transfer agents (members but the executor) or
// validators (members but the executor who serve the model), no single one counts for more than
// share_per_party of the bar. The alarm opens a hearing.

#include "ledger/block_state.h"

namespace gonka::ledger {

void AddEvidence(BlockState& state, const InferenceId& id, const InferenceRecord& record,
                 const AccountId& validator, int32_t millinats);

// Takes back what a rejected accusation had added.
void WithdrawEvidence(BlockState& state, const InferenceRecord& record, const AccountId& validator);

}  // namespace gonka::ledger
