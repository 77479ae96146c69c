#include "ledger/epochs.h"

#include "gonka/rewards/weight_cap.h"
#include "ledger/governance.h"
#include "ledger/membership.h"
#include "ledger/money.h"
#include "ledger/pricing.h"
#include "ledger/sprint.h"

namespace gonka::ledger {
namespace {

constexpr size_t kPrunedPerBlock = 1024;

std::vector<AccountId> ParticipantIds(BlockState& state) {
  std::vector<AccountId> ids;
  for (const Key& key : state.participants.Keys(Key('p'))) {
    ids.push_back(AccountId{KeyReader(key.span()).NextHash()});
  }
  return ids;
}

// Allowances whose epoch is over and under which nothing is open go home.
void ReturnAllowances(BlockState& state) {
  const Key end = Key('w').AddNumber(state.chain.epoch);
  for (const Key& index_key : state.index.Keys(Key('w'), SIZE_MAX, &end)) {
    KeyReader reader(index_key.span());
    reader.NextNumber();
    const AccountId ta{reader.NextHash()};
    const AccountId developer{reader.NextHash()};
    const Key key = keys::OfAllowance(ta, developer);
    if (state.allowances.Get(key).open_records > 0) continue;
    Allowance& allowance = state.allowances.Change(key);
    MoveToAccount(state, AvailableIn(allowance), developer, allowance.available);
    if (allowance.key_digest) state.api_keys.Erase(keys::OfApiKey(ta, *allowance.key_digest));
    state.allowances.Erase(key);
    state.index.Erase(index_key);
  }
}

}  // namespace

bool BeginsEpoch(const BlockState& state) {
  return state.height() == state.chain.epoch_first_height + state.params.time.epoch_blocks;
}

void AdoptChainEnds(BlockState& state) {
  for (const AccountId& id : ParticipantIds(state)) {
    const Key key = keys::OfParticipant(id);
    if (!state.participants.Get(key).next_chain_end) continue;
    Participant& participant = state.participants.Change(key);
    participant.chain_head = *participant.next_chain_end;
    participant.next_chain_end.reset();
  }
}

void PutEpochTable(BlockState& state, uint64_t epoch, uint64_t first_height) {
  EpochTable table{
      .epoch = epoch, .first_height = first_height, .beacon = state.chain.beacon, .members = {}};
  std::vector<uint64_t> proven;
  for (const AccountId& id : ParticipantIds(state)) {
    const Participant& participant = state.participants.Get(keys::OfParticipant(id));
    if (participant.removed || participant.active_from_epoch > epoch || participant.weight == 0 ||
        HasLeft(participant, epoch)) {
      continue;
    }
    table.members.push_back({.id = id,
                             .weight = 0,
                             .proven_weight = participant.weight,
                             .reputation = participant.reputation,
                             .models = participant.models});
    proven.push_back(participant.weight);
  }
  const std::vector<uint64_t> capped = rewards::CapWeights(proven, state.params.money.weight_cap);
  uint64_t total = 0;
  for (size_t i = 0; i < capped.size(); ++i) {
    table.members[i].weight = capped[i];
    total += capped[i];
  }
  state.Tell(EpochStarted{.epoch = epoch,
                          .members = static_cast<uint32_t>(table.members.size()),
                          .total_weight = total});
  state.epochs.Put(keys::OfEpoch(epoch), std::move(table));
}

void BeginEpoch(BlockState& state) {
  EarnWeights(state, state.chain.epoch);
  ++state.chain.epoch;
  state.chain.epoch_first_height = state.height();
  BeginPriceEpoch(state);
  ActivateProposals(state);
  AdoptTerms(state);
  PutEpochTable(state, state.chain.epoch, state.height());
  ReturnAllowances(state);
}

namespace {

// True where entries of this letter and epoch may be left.
template <class T>
bool Forget(Table<T>& table, char letter, uint64_t epoch, size_t& budget) {
  for (const Key& key : table.Keys(Key(letter).AddNumber(epoch), budget)) {
    table.Erase(key);
    --budget;
  }
  return budget == 0;
}

bool ForgetRecords(BlockState& state, uint64_t epoch, size_t& budget) {
  for (const Key& key : state.index.Keys(Key('x').AddNumber(epoch), budget)) {
    KeyReader reader(key.span());
    reader.NextNumber();
    reader.NextShort();
    state.records.Erase(keys::Of(InferenceId{reader.NextHash()}));
    state.index.Erase(key);
    --budget;
  }
  return budget == 0;
}

bool ForgetCases(BlockState& state, uint64_t epoch, size_t& budget) {
  for (const Key& key : state.index.Keys(Key('u').AddNumber(epoch), budget)) {
    KeyReader reader(key.span());
    reader.NextNumber();
    state.cases.Erase(keys::Of(CaseId{reader.NextHash()}));
    state.index.Erase(key);
    --budget;
  }
  return budget == 0;
}

}  // namespace

void Prune(BlockState& state) {
  const uint64_t epoch = state.chain.epoch_pruned;
  if (epoch + state.params.time.retained_epochs >= state.chain.epoch_settled) return;
  size_t budget = kPrunedPerBlock;
  if (ForgetRecords(state, epoch, budget) || ForgetCases(state, epoch, budget) ||
      Forget(state.standings, 's', epoch, budget) || Forget(state.blames, 'b', epoch, budget) ||
      Forget(state.evidence, 'v', epoch, budget) || Forget(state.traffic, 'n', epoch, budget) ||
      Forget(state.sprint_entries, 'E', epoch, budget) ||
      Forget(state.sprints, 'S', epoch, budget)) {
    return;  // The rest in the next blocks.
  }
  state.epochs.Erase(keys::OfEpoch(epoch));
  state.state_roots.Erase(keys::OfStateRoot(epoch));
  ++state.chain.epoch_pruned;
  ForgetLeavers(state);
}

}  // namespace gonka::ledger
