#include "ledger/evidence.h"

#include <algorithm>

#include "gonka/reputation/evidence.h"
#include "ledger/hearings.h"
#include "ledger/members.h"

namespace gonka::ledger {
namespace {

using Shares = List<EvidenceShare, 64>;

void AddShare(Shares& shares, const AccountId& party, int64_t millinats) {
  const auto found = std::find_if(shares.begin(), shares.end(),
                                  [&](const EvidenceShare& share) { return share.party == party; });
  if (found != shares.end()) {
    found->millinats += millinats;
  } else if (shares.size() < shares.kMax) {
    shares.push_back({party, millinats});
  }
}

// Rounds up, so that three full shares do reach the bar.
int64_t LargestShare(const CheckParams& check) {
  return (int64_t{check.alarm_millinats} * check.share_per_party.value + Ppm::kOne - 1) / Ppm::kOne;
}

// Do the shares reach the bar where each counts for at most its part?
bool ReachesBar(const CheckParams& check, const Shares& shares, size_t parties) {
  if (parties < 3) return true;
  int64_t sum = 0;
  for (const EvidenceShare& share : shares) {
    sum += std::min(share.millinats, LargestShare(check));
  }
  return sum >= check.alarm_millinats;
}

void Note(EvidenceLog& log, const InferenceId& id, const InferenceRecord& record,
          const AccountId& validator, int32_t millinats) {
  AddShare(log.developers, record.assignment.request.developer, millinats);
  AddShare(log.transfer_agents, record.assignment.request.ta, millinats);
  AddShare(log.validators, validator, millinats);
  if (millinats <= 0) return;
  if (log.records.size() == log.records.kMax) log.records.erase(log.records.begin());
  log.records.push_back(id);
}

bool IsAlarm(BlockState& state, const InferenceRecord& record, const Standing& standing,
             const EvidenceLog& log) {
  const CheckParams& check = state.params.check;
  if (standing.alarmed || standing.cusum_millinats < check.alarm_millinats) return false;
  const Assignment& assignment = record.assignment;
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(assignment.request.epoch));
  const size_t validators = CountServingBut(table, assignment.request.model, assignment.executor);
  return ReachesBar(check, log.developers, standing.developers.size()) &&
         ReachesBar(check, log.transfer_agents, table.members.size() - 1) &&
         ReachesBar(check, log.validators, validators);
}

}  // namespace

void AddEvidence(BlockState& state, const InferenceId& id, const InferenceRecord& record,
                 const AccountId& validator, int32_t millinats) {
  const uint64_t epoch = record.assignment.request.epoch;
  const AccountId& executor = record.assignment.executor;
  Standing& standing = state.standings.Ensure(keys::OfStanding(epoch, executor));
  const int64_t before = standing.cusum_millinats;
  standing.cusum_millinats = reputation::CusumStep(before, millinats);
  if (standing.cusum_millinats == 0) {
    if (before > 0) state.evidence.Put(keys::OfEvidence(epoch, executor), {});
    return;
  }
  EvidenceLog& log = state.evidence.Ensure(keys::OfEvidence(epoch, executor));
  Note(log, id, record, validator, millinats);
  if (!IsAlarm(state, record, standing, log)) return;
  standing.alarmed = true;
  OpenHearing(state, epoch, executor, record.assignment.request.model, log.records);
}

void WithdrawEvidence(BlockState& state, const InferenceRecord& record,
                      const AccountId& validator) {
  const auto verdict = std::find_if(
      record.verdicts.begin(), record.verdicts.end(),
      [&](const VerdictCommit& commit) { return commit.validator == validator && commit.reveal; });
  if (verdict == record.verdicts.end() || verdict->reveal->verdict != Verdict::kFail) return;
  if (verdict->recheck) return;  // Was never added.
  const int32_t millinats =
      reputation::ClipEvidence(state.params.check, verdict->reveal->evidence_millinats);
  if (millinats <= 0) return;
  const uint64_t epoch = record.assignment.request.epoch;
  const AccountId& executor = record.assignment.executor;
  Standing& standing = state.standings.Ensure(keys::OfStanding(epoch, executor));
  standing.cusum_millinats = reputation::CusumStep(standing.cusum_millinats, -millinats);
  EvidenceLog& log = state.evidence.Ensure(keys::OfEvidence(epoch, executor));
  AddShare(log.developers, record.assignment.request.developer, -millinats);
  AddShare(log.transfer_agents, record.assignment.request.ta, -millinats);
  AddShare(log.validators, validator, -millinats);
}

}  // namespace gonka::ledger
