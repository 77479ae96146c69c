#pragma once

// Re-checks: a pass that was revealed is checked once more with probability check.recheck_rate, by
// another validator, whom a later beacon draws. That is what the lazy, the bribed and the friendly
// have to fear: nobody knows beforehand whose pass is looked at, and by whom.
//
// The second check is like the first one (queries.h, DutyOf), but that the transfer agent and
// whoever took part in the first check are out. If nobody comes to a verdict the pass stands. A
// second pass changes nothing. A fail, or unavailable, opens a dispute; where the committee finds
// that the answer is wrong, the pass is overturned. The answer's evidence counts once, by its first
// verdict.

#include "ledger/block_state.h"

namespace gonka::ledger {

// The draw that was queued when the pass was revealed.
void DrawRecheck(BlockState& state, const InferenceId& id, const Hash& seed);

bool HasPass(const InferenceRecord& record);

// A committee has found the answer wrong: whoever passed it pays what a rejected accusation costs,
// and the executor's pass is taken back.
void OverturnPasses(BlockState& state, const InferenceId& id, const InferenceRecord& record);

}  // namespace gonka::ledger
