#include "ledger/maintenance.h"

#include <algorithm>

#include "ledger/events.h"

namespace gonka::ledger {
namespace {

const Maintenance* MaintenanceOf(BlockState& state, const AccountId& id) {
  const Participant* participant = state.participants.Find(keys::OfParticipant(id));
  if (participant == nullptr || !participant->maintenance) return nullptr;
  return &*participant->maintenance;
}

// Where the last one that has begun ended; 0 where none has.
uint64_t LastUntil(const Maintenance& maintenance, uint64_t height) {
  return maintenance.from_height > height ? maintenance.before_until : maintenance.until_height;
}

// One that has begun is looked up until all epochs that it touched are settled.
bool IsStillNeeded(BlockState& state, uint64_t last_until) {
  const EpochTable& oldest = state.epochs.Get(keys::OfEpoch(state.chain.epoch_settled));
  return last_until >= oldest.first_height && last_until > 0;
}

TxCode CheckAnnouncement(BlockState& state, const Maintain& event, uint64_t last_until) {
  const TimeParams& time = state.params.time;
  if (event.blocks > time.maintenance_blocks_max) return TxCode::kOutOfBounds;
  if (event.from_height > UINT64_MAX - event.blocks) return TxCode::kOutOfBounds;
  if (event.from_height < state.height() + std::max(time.maintenance_notice_blocks, 1u)) {
    return TxCode::kTooLate;
  }
  const bool too_soon =
      last_until > 0 && event.from_height < last_until + time.maintenance_gap_blocks;
  return too_soon || IsStillNeeded(state, last_until) ? TxCode::kTooEarly : TxCode::kOk;
}

TxCode TakeBack(BlockState& state, const AccountId& id, Participant& participant) {
  if (!participant.maintenance || participant.maintenance->from_height <= state.height()) {
    return TxCode::kTooLate;
  }
  const uint64_t before = participant.maintenance->before_until;
  participant.maintenance.reset();
  if (before > 0) participant.maintenance = {.from_height = before, .until_height = before};
  state.Tell(MaintenanceAnnounced{.participant = id});
  return TxCode::kOk;
}

}  // namespace

bool WasAway(BlockState& state, const AccountId& id, uint64_t from, uint64_t until) {
  const Maintenance* maintenance = MaintenanceOf(state, id);
  return maintenance != nullptr && maintenance->from_height <= until &&
         from <= maintenance->until_height;
}

bool IsPassedOver(BlockState& state, const AccountId& id) {
  const uint64_t height = state.height();
  return WasAway(state, id, height - std::min<uint64_t>(height, state.params.time.grace_blocks),
                 height);
}

Ppm PresentIn(BlockState& state, uint64_t epoch, const AccountId& id) {
  const Maintenance* maintenance = MaintenanceOf(state, id);
  if (maintenance == nullptr) return Ppm{Ppm::kOne};
  const uint64_t begin = state.epochs.Get(keys::OfEpoch(epoch)).first_height;
  const uint64_t end = state.epochs.Get(keys::OfEpoch(epoch + 1)).first_height;
  const uint64_t from = std::max(begin, maintenance->from_height);
  const uint64_t to = std::min(end, maintenance->until_height + 1);
  const uint64_t away = to > from ? to - from : 0;
  return Ppm{static_cast<uint32_t>(MulDivFloor(end - begin - away, Ppm::kOne, end - begin))};
}

TxCode Apply(BlockState& state, const AccountId& sender, const Maintain& event) {
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  Participant& participant = state.participants.Change(keys::OfParticipant(sender));
  if (event.blocks == 0) return TakeBack(state, sender, participant);
  const uint64_t last_until =
      participant.maintenance ? LastUntil(*participant.maintenance, state.height()) : 0;
  if (const TxCode code = CheckAnnouncement(state, event, last_until); code != TxCode::kOk) {
    return code;
  }
  participant.maintenance = {.from_height = event.from_height,
                             .until_height = event.from_height + event.blocks - 1,
                             .before_until = last_until};
  state.Tell(MaintenanceAnnounced{.participant = sender,
                                  .from_height = participant.maintenance->from_height,
                                  .until_height = participant.maintenance->until_height});
  return TxCode::kOk;
}

}  // namespace gonka::ledger
