#include "ledger/block_state.h"

#include <algorithm>

#include "gonka/ledger/queries.h"
#include "ledger/members.h"

namespace gonka::ledger {
namespace {

template <class T>
T ReadOr(const View& view, const Key& key) {
  const std::optional<Bytes> bytes = view.Get(key.span());
  return bytes ? DecodeStored<T>(*bytes) : T{};
}

// Every table's are in order, and no two tables have keys of one letter.
std::vector<StateWrite> InOrder(std::vector<StateWrite> writes) {
  const auto letter = [&](size_t i) { return writes[i].key[0]; };
  std::map<uint8_t, std::pair<size_t, size_t>> runs;
  for (size_t begin = 0; begin < writes.size();) {
    size_t end = begin + 1;
    while (end < writes.size() && letter(end) == letter(begin)) ++end;
    GONKA_CHECK(runs.try_emplace(letter(begin), begin, end).second);
    begin = end;
  }
  std::vector<StateWrite> ordered;
  ordered.reserve(writes.size() + 1);  // And the Chain record's.
  for (const auto& [own, run] : runs) {
    for (size_t i = run.first; i < run.second; ++i) ordered.push_back(std::move(writes[i]));
  }
  return ordered;
}

}  // namespace

BlockState::BlockState(const View& base)
    : view(base),
      chain(ReadOr<Chain>(base, keys::OfChain())),
      params(ReadOr<Params>(base, keys::OfParams())),
      accounts(base),
      cases(base),
      epochs(base),
      api_keys(base),
      allowances(base),
      blames(base),
      models(base),
      traffic(base),
      participants(base),
      records(base),
      standings(base),
      evidence(base),
      delegations(base),
      pricing(base),
      vesting(base),
      proposals(base),
      votes(base),
      sprints(base),
      sprint_entries(base),
      state_roots(base),
      stored_params(base),
      index(base) {}

template <class Self, class F>
void BlockState::ForEachTable(Self& self, const F& visit) {
  visit(self.accounts);
  visit(self.cases);
  visit(self.epochs);
  visit(self.api_keys);
  visit(self.allowances);
  visit(self.blames);
  visit(self.models);
  visit(self.traffic);
  visit(self.participants);
  visit(self.records);
  visit(self.standings);
  visit(self.evidence);
  visit(self.delegations);
  visit(self.pricing);
  visit(self.vesting);
  visit(self.proposals);
  visit(self.votes);
  visit(self.sprints);
  visit(self.sprint_entries);
  visit(self.state_roots);
  visit(self.stored_params);
  visit(self.index);
}

void BlockState::BeginEvent() {
  totals_before_ = chain.totals;
  draws_pending_before_ = chain.draws_pending;
  participants_before_ = chain.participants;
  proposals_before_ = chain.proposals;
  notices_before_ = notices.size();
}

void BlockState::KeepEvent() {
  ForEachTable(*this, [](auto& table) { table.Keep(); });
}

void BlockState::TakeBackEvent() {
  ForEachTable(*this, [](auto& table) { table.TakeBack(); });
  chain.totals = totals_before_;
  chain.draws_pending = draws_pending_before_;
  chain.participants = participants_before_;
  chain.proposals = proposals_before_;
  notices.resize(notices_before_);
}

std::vector<StateWrite> BlockState::CollectWrites() const {
  std::vector<StateWrite> writes;
  ForEachTable(*this, [&](const auto& table) { table.Collect(writes); });
  return InOrder(std::move(writes));
}

const select::WeightTable& BlockState::ServingWeights(uint64_t epoch, const ModelId& model) {
  const std::pair key(epoch, model);
  const auto found = serving_.find(key);
  if (found != serving_.end()) return found->second;
  const std::vector<uint64_t> weights = WeightsServing(epochs.Get(keys::OfEpoch(epoch)), model);
  return serving_.emplace(key, select::WeightTable(weights)).first->second;
}

}  // namespace gonka::ledger
