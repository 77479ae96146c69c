// Settlement: every record of the epoch becomes terminal, what is held and what is minted is paid
// out or withheld with a reason, and reputations move.

#include <algorithm>
#include <map>

#include "gonka/reputation/reputation.h"
#include "gonka/rewards/emission.h"
#include "gonka/rewards/fee.h"
#include "gonka/rewards/payout.h"
#include "ledger/cases.h"
#include "ledger/checks.h"
#include "ledger/collateral.h"
#include "ledger/epochs.h"
#include "ledger/maintenance.h"
#include "ledger/money.h"
#include "ledger/records.h"
#include "ledger/vesting.h"

namespace gonka::ledger {
namespace {

// The whole settlement of one epoch, which sums up what it does.
class Settlement {
 public:
  Settlement(BlockState& state, uint64_t epoch) : state_(state), epoch_(epoch) {
    result_.epoch = epoch;
  }
  void Run();

 private:
  const EpochTable& table() { return state_.epochs.Get(keys::OfEpoch(epoch_)); }
  const Standing& StandingOf(const AccountId& id);
  reputation::MissCount MissesOf(const AccountId& id);
  bool IsConvicted(const AccountId& id) { return StandingOf(id).convicted; }

  void SettleRecord(const InferenceId& id);
  void SettleFinished(const InferenceId& id, InferenceRecord& record);
  void Refund(const InferenceId& id, InferenceRecord& record, RefundReason reason);
  void PayFee(const InferenceId& id, InferenceRecord& record);
  void PayExecutor(InferenceRecord& record, Amount share);
  void PayTransferAgent(InferenceRecord& record, Amount share);
  void PayValidators(const InferenceId& id, InferenceRecord& record, Amount share);
  std::map<AccountId, uint64_t> ValidatorsToPay(const InferenceId& id,
                                                const InferenceRecord& record);
  void PayTo(InferenceRecord& record, const AccountId& to, Amount amount, Amount Paid::*part);
  void Withhold(const AccountId& from, Amount amount, WithholdReason reason);

  void PayEmission();
  void Emit(const AccountId& to, const rewards::Payout& payout);
  void MoveReputation(const AccountId& id);
  void Publish();

  BlockState& state_;
  const uint64_t epoch_;
  EpochSettled result_;
  std::map<AccountId, Paid> paid_;
  std::map<std::pair<AccountId, WithholdReason>, Amount> withheld_;
};

const Standing& Settlement::StandingOf(const AccountId& id) {
  static const Standing kNone;
  const Standing* standing = state_.standings.Find(keys::OfStanding(epoch_, id));
  return standing == nullptr ? kNone : *standing;
}

void Settlement::Withhold(const AccountId& from, Amount amount, WithholdReason reason) {
  if (amount == Amount(0)) return;
  withheld_[{from, reason}] += amount;
  (reason == WithholdReason::kConviction ? result_.burned : result_.treasury) += amount;
}

void Settlement::PayTo(InferenceRecord& record, const AccountId& to, Amount amount,
                       Amount Paid::*part) {
  MoveToAccount(state_, HeldBy(record), to, amount);
  record.paid += amount;
  paid_[to].*part += amount;
  result_.paid += amount;
}

void Settlement::Refund(const InferenceId& id, InferenceRecord& record, RefundReason reason) {
  result_.refunded += record.held;
  RefundHeld(state_, id, record, reason);
}

void Settlement::PayExecutor(InferenceRecord& record, Amount share) {
  const AccountId executor = record.assignment.executor;
  if (!IsConvicted(executor)) return PayTo(record, executor, share, &Paid::executor_fees);
  Move(state_, HeldBy(record), Burned(), share);
  Withhold(executor, share, WithholdReason::kConviction);
}

// Of an executor before, the transfer agent's word is all there is.
bool SkippedUnproven(const Assignment& assignment) {
  return std::any_of(assignment.skipped.begin(), assignment.skipped.end(),
                     [](const SkippedAttempt& skipped) { return !skipped.refusal; });
}

void Settlement::PayTransferAgent(InferenceRecord& record, Amount share) {
  const AccountId ta = record.assignment.request.ta;
  if (IsConvicted(ta)) {
    Move(state_, HeldBy(record), Burned(), share);
    return Withhold(ta, share, WithholdReason::kConviction);
  }
  const bool delivered = record.delivered && !record.delivery_differs;
  if (delivered && !SkippedUnproven(record.assignment)) {
    return PayTo(record, ta, share, &Paid::ta_fees);
  }
  Move(state_, HeldBy(record), Treasury(), share);
  Withhold(ta, share, delivered ? WithholdReason::kSkipped : WithholdReason::kNotDelivered);
}

// Who found this answer good: the author of a pass, or the committee's voters for it, by seats.
std::map<AccountId, uint64_t> Settlement::ValidatorsToPay(const InferenceId& id,
                                                          const InferenceRecord& record) {
  std::map<AccountId, uint64_t> shares;
  for (const VerdictCommit& commit : record.verdicts) {
    if (commit.reveal && commit.reveal->verdict == Verdict::kPass) ++shares[commit.validator];
  }
  if (const Case* dispute = state_.cases.Find(keys::Of(DisputeCase(id)))) {
    for (const Ballot& ballot : dispute->ballots) {
      if (ballot.reveal && ballot.reveal->verdict == Verdict::kPass) {
        shares[ballot.voter] += ballot.votes;
      }
    }
  }
  return shares;
}

void Settlement::PayValidators(const InferenceId& id, InferenceRecord& record, Amount share) {
  const std::map<AccountId, uint64_t> validators = ValidatorsToPay(id, record);
  std::vector<uint64_t> weights;
  for (const auto& [validator, seats] : validators) weights.push_back(seats);
  const rewards::ProRata split = rewards::SplitProRata(share, weights);
  size_t i = 0;
  for (const auto& [validator, seats] : validators) {
    const Amount part = split.parts[i++];
    if (IsConvicted(validator)) {
      Move(state_, HeldBy(record), Burned(), part);
      Withhold(validator, part, WithholdReason::kConviction);
    } else {
      PayTo(record, validator, part, &Paid::validator_fees);
    }
  }
  Move(state_, HeldBy(record), Treasury(), split.remainder);
  Withhold(AccountId{}, split.remainder,
           validators.empty() ? WithholdReason::kNotChecked : WithholdReason::kRounding);
}

void Settlement::PayFee(const InferenceId& id, InferenceRecord& record) {
  const rewards::FeeSplit split = rewards::SplitFee(record.held, state_.params.money);
  PayExecutor(record, split.executor);
  PayTransferAgent(record, split.ta);
  PayValidators(id, record, split.validators);
  Move(state_, HeldBy(record), Treasury(), split.remainder);
  Withhold(AccountId{}, split.remainder, WithholdReason::kRounding);
}

void Settlement::SettleFinished(const InferenceId& id, InferenceRecord& record) {
  if (record.status == InferenceStatus::kFinished) {
    // Its check was drawn, or could not even be drawn, and nobody came to a verdict.
    record.status = InferenceStatus::kUnchecked;
    return Refund(id, record, RefundReason::kUnchecked);
  }
  if (record.held == Amount(0)) return;  // Refunded before.
  if (IsConvicted(record.assignment.executor) && record.status != InferenceStatus::kValidated) {
    return Refund(id, record, RefundReason::kConviction);
  }
  PayFee(id, record);
}

void Settlement::SettleRecord(const InferenceId& id) {
  ++result_.records;
  InferenceRecord& record = state_.records.Change(keys::Of(id));
  result_.fees += record.held;
  if (record.status == InferenceStatus::kStarted) {
    ExpireRecord(state_, id, record);
  } else if (record.status != InferenceStatus::kExpired) {
    CountMissedChecks(state_, record);
    CloseCheck(state_, id, record);
    SettleFinished(id, record);
    state_.cases.Erase(keys::Of(DisputeCase(id)));
    state_.index.Erase(keys::OfEpochCase(epoch_, DisputeCase(id)));
  }
  GONKA_CHECK(record.held == Amount(0) && record.escrow == Amount(0));
  record.settled = true;
}

void Settlement::Emit(const AccountId& to, const rewards::Payout& payout) {
  MintVesting(state_, to, payout.paid);
  paid_[to].emission += payout.paid;
  result_.paid += payout.paid;
  const Amount withheld = payout.withheld_availability + payout.withheld_work_share +
                          payout.withheld_weight_cap + payout.withheld_maintenance;
  Mint(state_, Treasury(), withheld);
  Mint(state_, Burned(), payout.withheld_conviction);
  Withhold(to, payout.withheld_conviction, WithholdReason::kConviction);
  Withhold(to, payout.withheld_availability, WithholdReason::kAvailability);
  Withhold(to, payout.withheld_work_share, WithholdReason::kWorkShare);
  Withhold(to, payout.withheld_weight_cap, WithholdReason::kWeightCap);
  Withhold(to, payout.withheld_maintenance, WithholdReason::kMaintenance);
}

uint64_t WorkOf(const Standing& standing) {
  return standing.tokens + standing.checked_tokens;
}

// Never more coins than can be counted.
Amount EmissionOf(const BlockState& state, uint64_t epoch) {
  const Totals& totals = state.chain.totals;
  const Amount room = Amount(Amount::kMax) - (totals.genesis + totals.minted);
  return std::min(rewards::Emission(state.params.money.emission_initial, epoch), room);
}

reputation::MissCount Settlement::MissesOf(const AccountId& id) {
  const Standing& standing = StandingOf(id);
  const Participant& participant = state_.participants.Get(keys::OfParticipant(id));
  uint64_t unproven = 0;
  std::vector<uint64_t> claims;
  for (const Key& key : state_.blames.Keys(Key('b').AddNumber(epoch_).Add(id))) {
    claims.push_back(state_.blames.Get(key).misses_half);
    unproven += claims.back();
  }
  GONKA_CHECK(unproven <= standing.misses_half);
  const uint64_t counted = reputation::CountedMisses(standing.misses_half - unproven, claims,
                                                     table().members.size() - 1);
  return {.misses_half = uint64_t{participant.misses} + counted,
          .duties = participant.duties + standing.duties};
}

void Settlement::PayEmission() {
  result_.emission = EmissionOf(state_, epoch_);
  uint64_t total_weight = 0;
  uint64_t total_work = 0;
  for (const Member& member : table().members) {
    total_weight += member.proven_weight;
    total_work += WorkOf(StandingOf(member.id));
  }
  Amount rest = result_.emission;
  for (const Member& member : table().members) {
    const Standing& standing = StandingOf(member.id);
    const rewards::Payout payout = rewards::PayoutOf(
        {.emission = result_.emission,
         .weight = member.proven_weight,
         .effective_weight = member.weight,
         .total_weight = total_weight,
         .availability = reputation::Availability(state_.params.reputation, MissesOf(member.id)),
         .work = WorkOf(standing),
         .total_work = total_work,
         .convicted = standing.convicted,
         .present = PresentIn(state_, epoch_, member.id)});
    rest -= payout.paid + payout.withheld_conviction + payout.withheld_availability +
            payout.withheld_work_share + payout.withheld_weight_cap + payout.withheld_maintenance;
    Emit(member.id, payout);
  }
  Mint(state_, Treasury(), rest);
  Withhold(AccountId{}, rest, WithholdReason::kRounding);
}

void Settlement::MoveReputation(const AccountId& id) {
  const ReputationParams& params = state_.params.reputation;
  const Standing& standing = StandingOf(id);
  Participant& participant = state_.participants.Change(keys::OfParticipant(id));
  const reputation::MissCount misses = MissesOf(id);
  const Ppm before = participant.reputation;
  participant.reputation = reputation::NextReputation(params, before,
                                                      {.passes = standing.passes,
                                                       .misses = misses,
                                                       .convicted = standing.convicted,
                                                       .fails = standing.fails});
  const bool clean =
      standing.passes >= params.passes_min && standing.fails == 0 && !standing.convicted;
  if (clean) ++participant.clean_epochs;
  const bool carry =
      reputation::JudgeMisses(params, misses) == reputation::MissJudgement::kTooFewDuties;
  participant.misses = carry ? static_cast<uint32_t>(misses.misses_half) : 0;
  participant.duties = carry ? misses.duties : 0;
  if (participant.reputation == before) return;
  state_.Tell(
      ReputationChanged{.participant = id, .before = before, .after = participant.reputation});
}

void Settlement::Publish() {
  for (const Member& member : table().members) {
    Paid paid = paid_[member.id];
    paid.epoch = epoch_;
    paid.participant = member.id;
    state_.Tell(paid);
  }
  for (const auto& [key, amount] : withheld_) {
    state_.Tell(Withheld{
        .epoch = epoch_, .participant = key.first, .amount = amount, .reason = key.second});
  }
  for (const Member& member : table().members) MoveReputation(member.id);
  GONKA_CHECK(result_.fees + result_.emission ==
              result_.paid + result_.refunded + result_.burned + result_.treasury);
  state_.Tell(result_);
}

void Settlement::Run() {
  CloseCases(state_, epoch_);
  for (const Key& key : state_.index.Keys(Key('x').AddNumber(epoch_))) {
    KeyReader reader(key.span());
    reader.NextNumber();
    reader.NextShort();
    SettleRecord(InferenceId{reader.NextHash()});
  }
  ReleaseVested(state_);
  PayEmission();
  Publish();
  SettleCollateral(state_, epoch_);
  state_.chain.epoch_settled = epoch_ + 1;
}

}  // namespace

std::optional<uint64_t> EpochToSettle(BlockState& state) {
  const uint64_t epoch = state.chain.epoch_settled;
  if (epoch >= state.chain.epoch) return std::nullopt;
  if (state.height() < SettlementHeight(state, epoch)) return std::nullopt;
  return epoch;
}

uint64_t SettlementHeight(BlockState& state, uint64_t epoch) {
  const TimeParams& time = state.params.time;
  // Of an epoch that is over not first_height + epoch_blocks: its length may have been another one.
  const uint64_t end =
      epoch < state.chain.epoch
          ? state.epochs.Get(keys::OfEpoch(epoch + 1)).first_height
          : state.epochs.Get(keys::OfEpoch(epoch)).first_height + time.epoch_blocks;
  return end + time.settle_blocks;
}

void SettleEpoch(BlockState& state, uint64_t epoch) {
  Settlement(state, epoch).Run();
}

}  // namespace gonka::ledger
