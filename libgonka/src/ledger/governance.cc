#include "ledger/governance.h"

#include <algorithm>

#include "ledger/events.h"
#include "ledger/members.h"
#include "ledger/money.h"
#include "ledger/pricing.h"

namespace gonka::ledger {
namespace {

std::vector<std::pair<uint64_t, Key>> AllProposals(BlockState& state) {
  std::vector<std::pair<uint64_t, Key>> all;
  for (const Key& key : state.proposals.Keys(Key('i'))) {
    all.emplace_back(KeyReader(key.span()).NextNumber(), key);
  }
  return all;
}

// Two models of one name could not be told apart by clients.
TxCode CheckNameIsFree(BlockState& state, const ModelInfo& model) {
  size_t count = 0;
  for (const Key& key : state.models.Keys(Key('m'))) {
    const ModelInfo& other = state.models.Get(key);
    if (other.id != model.id && other.name == model.name) return TxCode::kConflictsWithRecord;
    ++count;
  }
  const bool is_new = state.models.Find(keys::Of(model.id)) == nullptr;
  return is_new && count >= kModelsMax ? TxCode::kQuotaExceeded : TxCode::kOk;
}

TxCode Check(BlockState& state, const RegisterModel& change) {
  if (!CheckBounds(change.model).ok()) return TxCode::kOutOfBounds;
  return CheckNameIsFree(state, change.model);
}

std::optional<Params> Changed(Params params, const ChangeParams& change) {
  for (const ParamChange& one : change.changes) {
    if (!SetParam(params, one).ok()) return std::nullopt;
  }
  if (!CheckBounds(params).ok()) return std::nullopt;
  return params;
}

TxCode Check(BlockState& state, const ChangeParams& change) {
  if (change.changes.empty()) return TxCode::kMalformed;
  for (size_t i = 1; i < change.changes.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (change.changes[i].name == change.changes[k].name) return TxCode::kMalformed;
    }
  }
  return Changed(state.params, change) ? TxCode::kOk : TxCode::kOutOfBounds;
}

// A version that this program does not know may be proposed and voted: that is how others learn
// that they must upgrade.
TxCode Check(BlockState& state, const ChangeRules& change) {
  return change.version > state.chain.rules ? TxCode::kOk : TxCode::kOutOfBounds;
}

TxCode Check(BlockState& state, const Change& change) {
  return std::visit([&](const auto& one) { return Check(state, one); }, change);
}

void CarryOut(BlockState& state, const RegisterModel& change) {
  const Key key = keys::Of(change.model.id);
  const ModelInfo* known = state.models.Find(key);
  const std::optional<ModelInfo> before = known ? std::optional(*known) : std::nullopt;
  state.models.Put(key, change.model);
  SetTerms(state, change.model, before ? &*before : nullptr);
}
void CarryOut(BlockState& state, const ChangeParams& change) {
  state.params = *Changed(state.params, change);
  state.stored_params.Put(keys::OfParams(), state.params);
}
void CarryOut(BlockState& state, const ChangeRules& change) {
  state.chain.rules = change.version;
}

void Tell(BlockState& state, uint64_t number, const Proposal& proposal) {
  state.Tell(ProposalDecided{.proposal = number,
                             .status = proposal.status,
                             .approving_weight = proposal.approving_weight,
                             .rejecting_weight = proposal.rejecting_weight,
                             .total_weight = proposal.total_weight});
}

// The weights are those of the epoch in which the vote ends.
void Count(BlockState& state, uint64_t number, Proposal& proposal) {
  const EpochTable& table = state.epochs.Get(keys::OfEpoch(state.chain.epoch));
  for (const Member& member : table.members) proposal.total_weight += member.weight;
  for (const Key& key : state.votes.Keys(Key('j').AddNumber(number))) {
    KeyReader reader(key.span());
    reader.NextNumber();
    const std::optional<size_t> index = MemberIndex(table, AccountId{reader.NextHash()});
    const uint64_t weight = index ? table.members[*index].weight : 0;
    (state.votes.Get(key).approve ? proposal.approving_weight : proposal.rejecting_weight) +=
        weight;
    state.votes.Erase(key);
  }
}

bool ReachesReturn(const Proposal& proposal, Ppm part) {
  using Wide = unsigned __int128;
  return Wide{proposal.approving_weight} * Ppm::kOne >= Wide{proposal.total_weight} * part.value;
}

void Close(BlockState& state, uint64_t number, Proposal& proposal) {
  Count(state, number, proposal);
  const bool passes = proposal.approving_weight > proposal.total_weight / 2;
  proposal.status = passes ? ProposalStatus::kPassed : ProposalStatus::kRejected;
  if (!passes) proposal.closed_epoch = state.chain.epoch;
  const Amount deposit = proposal.deposit;
  if (passes || ReachesReturn(proposal, state.params.governance.deposit_return)) {
    MoveToAccount(state, DepositOf(proposal), proposal.author, deposit);
  } else {
    Move(state, DepositOf(proposal), Treasury(), deposit);
  }
  Tell(state, number, proposal);
}

}  // namespace

TxCode Apply(BlockState& state, const AccountId& sender, const Propose& event) {
  const GovernanceParams& params = state.params.governance;
  const uint64_t vote_until = state.height() + params.vote_blocks;
  if (event.activate_height < vote_until + params.notice_blocks) return TxCode::kTooEarly;
  if (const TxCode code = Check(state, event.change); code != TxCode::kOk) return code;
  if (state.index.Keys(Key('P')).size() >= params.open_max) return TxCode::kQuotaExceeded;
  Account& account = state.accounts.Change(keys::Of(sender));
  if (account.balance < params.deposit) return TxCode::kInsufficientBalance;
  const uint64_t number = state.chain.proposals++;
  Proposal& proposal =
      state.proposals.Put(keys::OfProposal(number), {.author = sender,
                                                     .change = event.change,
                                                     .reason = event.reason,
                                                     .opened_height = state.height(),
                                                     .vote_until = vote_until,
                                                     .activate_height = event.activate_height,
                                                     .deposit = {}});
  state.index.Put(keys::OfVoteEnd(vote_until, number), {});
  Move(state, BalanceOf(account), DepositOf(proposal), params.deposit);
  state.Tell(ProposalOpened{.proposal = number,
                            .author = sender,
                            .change = event.change,
                            .vote_until = vote_until,
                            .activate_height = event.activate_height});
  return TxCode::kOk;
}

TxCode Apply(BlockState& state, const AccountId& sender, const VoteProposal& event) {
  const Proposal* proposal = state.proposals.Find(keys::OfProposal(event.proposal));
  if (proposal == nullptr) return TxCode::kUnknownProposal;
  if (proposal->status != ProposalStatus::kVoting) return TxCode::kTooLate;
  if (const TxCode code = CheckParticipant(state, sender); code != TxCode::kOk) return code;
  const Key key = keys::OfVote(event.proposal, sender);
  const ProposalVote* before = state.votes.Find(key);
  if (before != nullptr && before->approve == event.approve) return TxCode::kAlreadyDone;
  state.votes.Put(key, {.approve = event.approve});
  return TxCode::kOk;
}

void CountVotes(BlockState& state) {
  const Key end = Key('P').AddNumber(state.height() + 1);
  for (const Key& index_key : state.index.Keys(Key('P'), SIZE_MAX, &end)) {
    KeyReader reader(index_key.span());
    reader.NextNumber();
    const uint64_t number = reader.NextNumber();
    Close(state, number, state.proposals.Change(keys::OfProposal(number)));
    state.index.Erase(index_key);
  }
}

void ActivateProposals(BlockState& state) {
  if (state.chain.proposals == 0) return;
  for (const auto& [number, key] : AllProposals(state)) {
    const Proposal& found = state.proposals.Get(key);
    const bool closed =
        found.status != ProposalStatus::kVoting && found.status != ProposalStatus::kPassed;
    if (closed && found.closed_epoch + state.params.time.retained_epochs < state.chain.epoch) {
      state.proposals.Erase(key);
      continue;
    }
    if (found.status != ProposalStatus::kPassed || found.activate_height > state.height()) continue;
    Proposal& proposal = state.proposals.Change(key);
    const bool possible = Check(state, proposal.change) == TxCode::kOk;
    if (possible) {
      std::visit([&](const auto& change) { CarryOut(state, change); }, proposal.change);
    }
    proposal.status = possible ? ProposalStatus::kActive : ProposalStatus::kVoid;
    proposal.closed_epoch = state.chain.epoch;
    Tell(state, number, proposal);
  }
}

}  // namespace gonka::ledger
