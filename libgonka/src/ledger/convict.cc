#include "ledger/convict.h"

#include "ledger/checks.h"
#include "ledger/collateral.h"
#include "ledger/members.h"
#include "ledger/records.h"

namespace gonka::ledger {
namespace {

Amount Punish(BlockState& state, Participant& participant) {
  ++participant.convictions;
  participant.clean_epochs = 0;
  participant.reputation = Ppm{0};
  return Slash(state, participant, state.params.reputation.slash);
}

void RefundAll(BlockState& state, uint64_t epoch, const AccountId& accused) {
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(epoch));
  const std::optional<size_t> index = MemberIndex(table, accused);
  if (!index) return;
  const Key prefix = Key('x').AddNumber(epoch).AddShort(static_cast<uint16_t>(*index));
  for (const Key& key : state.index.Keys(prefix)) {
    KeyReader reader(key.span());
    reader.NextNumber();
    reader.NextShort();
    const InferenceId id{reader.NextHash()};
    if (state.records.Get(keys::Of(id)).finish) {
      RefundConvicted(state, id, state.records.Change(keys::Of(id)));
    }
  }
}

}  // namespace

void RefundConvicted(BlockState& state, const InferenceId& id, InferenceRecord& record) {
  switch (record.status) {
    case InferenceStatus::kFinished:
    case InferenceStatus::kUnchecked:
    case InferenceStatus::kDisputed:
      if (record.held == Amount(0)) return;  // An undecided dispute has refunded it.
      record.status = InferenceStatus::kInvalidated;
      StopCheck(state, id, record);
      return RefundHeld(state, id, record, RefundReason::kConviction);
    case InferenceStatus::kStarted:
    case InferenceStatus::kValidated:
    case InferenceStatus::kInvalidated:
    case InferenceStatus::kExpired:
      return;
  }
}

void Convict(BlockState& state, uint64_t epoch, const AccountId& accused, ConvictionCause cause) {
  Standing& standing = state.standings.Ensure(keys::OfStanding(epoch, accused));
  const bool again = standing.convicted;
  const bool fraud = cause != ConvictionCause::kEvidence;
  Participant& participant = state.participants.Change(keys::OfParticipant(accused));
  if (again && (!fraud || participant.removed)) return;
  standing.convicted = true;
  const Amount slashed = again ? Amount(0) : Punish(state, participant);
  participant.removed = participant.removed || fraud ||
                        participant.convictions >= state.params.reputation.convictions_to_remove;
  state.Tell(Convicted{.accused = accused,
                       .epoch = epoch,
                       .cause = cause,
                       .slashed = slashed,
                       .removed = participant.removed});
  if (!again) RefundAll(state, epoch, accused);
}

}  // namespace gonka::ledger
