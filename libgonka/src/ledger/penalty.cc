#include "ledger/penalty.h"

#include <algorithm>

namespace gonka::ledger {
namespace {

void LowerReputation(BlockState& state, const AccountId& id) {
  Participant& participant = state.participants.Change(keys::OfParticipant(id));
  const uint32_t steps = std::max<uint32_t>(state.params.reputation.epochs_to_full, 1);
  const uint32_t step = (Ppm::kOne + steps - 1) / steps;
  const Ppm before = participant.reputation;
  participant.reputation.value -= std::min(step, before.value);
  if (participant.reputation == before) return;
  state.Tell(
      ReputationChanged{.participant = id, .before = before, .after = participant.reputation});
}

}  // namespace

void Penalise(BlockState& state, const InferenceId& inference, const AccountId& who, Amount bond,
              PenaltyReason reason) {
  state.Tell(Penalised{.inference = inference, .who = who, .amount = bond, .reason = reason});
  if (reason != PenaltyReason::kRejectedChallenge) LowerReputation(state, who);
}

}  // namespace gonka::ledger
