#pragma once

// Hearings: all who serve the model judge a fresh sample of one participant's answers.

#include "ledger/block_state.h"

namespace gonka::ledger {

// At most one for a participant and epoch; none where it is convicted already. triggers are kept
// out of the sample.
void OpenHearing(BlockState& state, uint64_t epoch, const AccountId& accused, const ModelId& model,
                 const List<InferenceId, 16>& triggers);
// The accused has finished one more record: is it enough for a sample now?
void WakeHearing(BlockState& state, uint64_t epoch, const AccountId& accused);
// The epoch is over: takes what there is.
void StopWaiting(BlockState& state, const CaseId& id, Case& hearing);
void DrawHearingSample(BlockState& state, const CaseId& id, const Hash& seed);
void DecideHearing(BlockState& state, const CaseId& id, Case& hearing, bool out_of_time);

}  // namespace gonka::ledger
