#include <fmt/format.h>

#include <map>

#include "gonka/ledger/ledger.h"
#include "gonka/ledger/queries.h"
#include "ledger/keys.h"
#include "ledger/members.h"
#include "ledger/money.h"
#include "ledger/sprint.h"
#include "ledger/stored.h"

namespace gonka::ledger {
namespace {

// One pass over the whole state, adding up what the rules keep in running totals.
class Audit {
 public:
  explicit Audit(const View& view) : view_(view), chain_(ReadChain(view)) {}
  absl::Status Run();

 private:
  template <class T, class F>
  void ForEach(char letter, const F& visit) {
    view_.Scan(Key(letter).span(), {}, [&](ByteSpan key, ByteSpan value) {
      visit(KeyReader(key), DecodeStored<T>(value));
      return failure_.ok();
    });
  }
  void Fail(const std::string& what) {
    if (failure_.ok()) failure_ = absl::InternalError("invariant broken: " + what);
  }
  void Expect(bool holds, const std::string& what) {
    if (!holds) Fail(what);
  }
  void ExpectSame(const char* what, Amount sum, Amount total) {
    Expect(sum == total,
           fmt::format("{} sum to {}, the totals say {}", what, sum.units(), total.units()));
  }

  void SumUp();
  void CheckRecord(const InferenceId& id, const InferenceRecord& record);
  void CheckMoneyOf(const InferenceId& id, const InferenceRecord& record);
  void CheckIndexes();
  void CheckCounts();
  void CheckDelegations();
  void CheckPrices();
  void CheckSprints();

  const View& view_;
  const Chain chain_;
  Totals sums_;
  uint64_t records_ = 0;
  uint32_t participants_ = 0;
  uint64_t voting_ = 0;
  std::map<std::pair<AccountId, AccountId>, uint32_t> open_records_;
  std::map<std::pair<uint64_t, AccountId>, uint32_t> accusations_;  // By epoch and accuser.
  uint64_t open_checks_ = 0;
  absl::Status failure_ = absl::OkStatus();
};

void Audit::CheckMoneyOf(const InferenceId& id, const InferenceRecord& record) {
  const std::string name = fmt::format("record {}", Hex(id));
  const bool started = record.status == InferenceStatus::kStarted;
  Expect(started || record.escrow == Amount(0), name + " has an escrow but is not open");
  Expect(record.finish.has_value() || record.held == Amount(0), name + " holds without a Finish");
  if (record.settled || !record.finish) return;
  const std::optional<Amount> cost =
      EscrowOf(record.assignment.prompt_tokens, record.finish->output_tokens, record.price);
  const Amount sum = record.held + record.refunded + record.paid;
  // A transfer agent pays for what it acknowledged, as far as its stake goes.
  Expect(record.agent_pays ? cost && sum <= *cost : cost == sum,
         name + " does not add up to its cost");
  Expect(record.held == Amount(0) || record.refunded == Amount(0),
         name + " was refunded and still holds coins");
}

void Audit::CheckRecord(const InferenceId& id, const InferenceRecord& record) {
  ++records_;
  sums_.escrows += record.escrow;
  sums_.held += record.held;
  const Request& request = record.assignment.request;
  CheckMoneyOf(id, record);
  if (!record.settled && record.check_selected && !record.check_closed) ++open_checks_;
  const bool finished =
      record.status != InferenceStatus::kStarted && record.status != InferenceStatus::kExpired;
  Expect(finished == record.finish.has_value(),
         fmt::format("record {} is {} a Finish", Hex(id), finished ? "past" : "without"));
  Expect(record.settled == (request.epoch < chain_.epoch_settled),
         fmt::format("record {} of epoch {} is {}settled", Hex(id), request.epoch,
                     record.settled ? "" : "not "));
  if (record.settled) {
    Expect(record.status != InferenceStatus::kStarted &&
               record.status != InferenceStatus::kFinished &&
               record.status != InferenceStatus::kDisputed,
           fmt::format("settled record {} is not terminal", Hex(id)));
  } else if (record.status == InferenceStatus::kStarted) {
    ++open_records_[{request.ta, request.developer}];
  }
}

void Audit::SumUp() {
  ForEach<Account>('a', [&](KeyReader, const Account& a) { sums_.balances += a.balance; });
  ForEach<Allowance>('l', [&](KeyReader key, const Allowance& allowance) {
    sums_.allowances += allowance.available;
    const AccountId ta{key.NextHash()};
    open_records_[{ta, AccountId{key.NextHash()}}] += 0;
  });
  ForEach<InferenceRecord>('r', [&](KeyReader key, const InferenceRecord& record) {
    CheckRecord(InferenceId{key.NextHash()}, record);
  });
  ForEach<Case>('d', [&](KeyReader, const Case& open) {
    sums_.bonds += open.bond;
    Expect(open.decided || open.epoch >= chain_.epoch_settled, "a case outlived its settlement");
    Expect(!open.decided || open.bond == Amount(0), "a decided case still holds a bond");
    if (!open.decided && open.accuser) ++accusations_[{open.epoch, *open.accuser}];
  });
  ForEach<Participant>('p', [&](KeyReader, const Participant& participant) {
    sums_.collateral += participant.collateral;
    for (const Unbonding& entry : participant.unbonding) {
      sums_.unbonding += entry.amount;
      Expect(entry.release_epoch >= chain_.epoch_settled, "collateral did not come home in time");
    }
    const bool over = participant.last_epoch && *participant.last_epoch < chain_.epoch_settled;
    Expect(!over || participant.collateral == Amount(0), "who has left still has collateral");
    ++participants_;
  });
  ForEach<Vesting>('V', [&](KeyReader, const Vesting& vesting) {
    for (const Amount release : vesting.releases) sums_.vesting += release;
    Expect(!vesting.releases.empty(), "an empty vesting was not forgotten");
  });
  ForEach<Proposal>('i', [&](KeyReader, const Proposal& proposal) {
    sums_.deposits += proposal.deposit;
    const bool voting = proposal.status == ProposalStatus::kVoting;
    voting_ += voting ? 1 : 0;
    Expect(voting || proposal.deposit == Amount(0), "a proposal keeps its deposit after its vote");
  });
}

void Audit::CheckIndexes() {
  uint64_t indexed = 0;
  ForEach<IndexEntry>('x', [&](KeyReader key, const IndexEntry&) {
    const uint64_t epoch = key.NextNumber();
    const uint16_t place = key.NextShort();
    const InferenceId id{key.NextHash()};
    const std::optional<InferenceRecord> record = FindRecord(view_, id);
    const std::optional<EpochTable> table = FindEpoch(view_, epoch);
    ++indexed;
    Expect(record && table && place < table->members.size() &&
               table->members[place].id == record->assignment.executor &&
               record->assignment.request.epoch == epoch,
           fmt::format("the index of work names record {} wrongly", Hex(id)));
  });
  Expect(indexed == records_, fmt::format("{} records, {} in the index", records_, indexed));
  uint64_t draws = 0;
  ForEach<IndexEntry>('q', [&](KeyReader, const IndexEntry&) { ++draws; });
  Expect(draws == chain_.draws_pending,
         fmt::format("{} draws are queued, the chain counts {}", draws, chain_.draws_pending));
  uint64_t checks = 0;
  ForEach<IndexEntry>('o', [&](KeyReader, const IndexEntry&) { ++checks; });
  Expect(checks == open_checks_,
         fmt::format("{} checks are open, {} in the index", open_checks_, checks));
  uint64_t expiring = 0;
  ForEach<IndexEntry>('h', [&](KeyReader, const IndexEntry&) { ++expiring; });
  uint64_t started = 0;
  for (const auto& [pair, count] : open_records_) started += count;
  Expect(expiring == started,
         fmt::format("{} records are open, {} will expire", started, expiring));
}

void Audit::CheckCounts() {
  for (const auto& [pair, count] : open_records_) {
    const std::optional<Allowance> allowance = FindAllowance(view_, pair.first, pair.second);
    Expect(allowance && allowance->open_records == count,
           fmt::format("allowance of {} for {} does not have {} open records", Hex(pair.second),
                       Hex(pair.first), count));
  }
  Expect(participants_ == chain_.participants, "participants are counted wrongly");
  ForEach<Standing>('s', [&](KeyReader key, const Standing& standing) {
    const uint64_t epoch = key.NextNumber();
    const AccountId id{key.NextHash()};
    const auto found = accusations_.find({epoch, id});
    const uint32_t open = found == accusations_.end() ? 0 : found->second;
    Expect(standing.accusations == open,
           fmt::format("{} has {} accusations open in epoch {}, its standing says {}", Hex(id),
                       open, epoch, standing.accusations));
  });
}

void Audit::CheckDelegations() {
  std::map<AccountId, uint32_t> held;
  uint64_t delegations = 0;
  ForEach<Account>('a', [&](KeyReader key, const Account& account) {
    if (account.delegations > 0) held[AccountId{key.NextHash()}] = account.delegations;
  });
  ForEach<Delegation>('y', [&](KeyReader key, const Delegation& delegation) {
    const Hash warm = key.NextHash();
    ++delegations;
    Expect(held[delegation.account]-- > 0,
           fmt::format("{} has more warm keys than it counts", Hex(delegation.account)));
    Expect(delegation.ends_height > chain_.height,
           fmt::format("the time of key {} is up", Hex(warm)));
  });
  for (const auto& [account, rest] : held) {
    Expect(rest == 0, fmt::format("{} counts {} warm keys too many", Hex(account), rest));
  }
  uint64_t ends = 0;
  ForEach<IndexEntry>('z', [&](KeyReader key, const IndexEntry&) {
    const uint64_t end = key.NextNumber();
    const auto delegation = FindDelegation(view_, AccountId{key.NextHash()});
    ++ends;
    Expect(delegation && delegation->ends_height == end, "a warm key ends at another height");
  });
  Expect(ends == delegations, fmt::format("{} warm keys, {} will end", delegations, ends));
  uint64_t votes = 0;
  ForEach<IndexEntry>('P', [&](KeyReader, const IndexEntry&) { ++votes; });
  Expect(votes == voting_, fmt::format("{} proposals are voted on, {} will end", voting_, votes));
}

void Audit::CheckPrices() {
  uint64_t models = 0;
  for (const ModelInfo& model : ListModels(view_)) {
    const std::optional<ModelPrice> price = FindPrice(view_, model.id);
    ++models;
    Expect(price && model.price_floor <= price->now && price->now <= model.price_ceiling &&
               price->low <= price->now,
           fmt::format("the price of model {} is out of its terms", Hex(model.id)));
  }
  uint64_t prices = 0;
  ForEach<Pricing>('f', [&](KeyReader, const Pricing&) { ++prices; });
  Expect(prices == models, fmt::format("{} models have {} prices", models, prices));
}

void Audit::CheckSprints() {
  std::map<uint64_t, Sprint> sprints;
  std::map<uint64_t, uint64_t> open;  // Ballots that are waited for.
  ForEach<Sprint>('S',
                  [&](KeyReader key, const Sprint& sprint) { sprints[key.NextNumber()] = sprint; });
  ForEach<SprintEntry>('E', [&](KeyReader key, const SprintEntry& entry) {
    const uint64_t epoch = key.NextNumber();
    const AccountId participant{key.NextHash()};
    const std::string name = fmt::format("the commit of {} in epoch {}", Hex(participant), epoch);
    Expect(sprints.contains(epoch), name + " is in no Sprint");
    Expect(epoch == chain_.epoch || entry.outcome || sprints[epoch].is_void ||
               sprints[epoch].phase < SprintPhase::kCheck,
           name + " was never decided");
    const auto& ballots = entry.ballots;
    for (size_t i = 0; i < ballots.size(); ++i) {
      const bool in_order = i == 0 || ballots[i - 1].checker < ballots[i].checker;
      Expect(in_order && ballots[i].checker != participant, name + " has a wrong ballot");
    }
    const SprintPhase phase = sprints[epoch].phase;
    const bool commits = phase == SprintPhase::kCheck || phase == SprintPhase::kAppeal;
    if (!entry.outcome) open[epoch] += commits ? CountSilent(entry) : CountUnrevealed(entry);
  });
  for (const auto& [epoch, sprint] : sprints) {
    Expect(epoch != chain_.epoch || sprint.waiting >= open[epoch],
           fmt::format("the Sprint of epoch {} waits for {} ballots, {} are open", epoch,
                       sprint.waiting, open[epoch]));
  }
}

absl::Status Audit::Run() {
  SumUp();
  const Totals& totals = chain_.totals;
  ExpectSame("balances", sums_.balances, totals.balances);
  ExpectSame("allowances", sums_.allowances, totals.allowances);
  ExpectSame("escrows", sums_.escrows, totals.escrows);
  ExpectSame("held fees", sums_.held, totals.held);
  ExpectSame("bonds", sums_.bonds, totals.bonds);
  ExpectSame("collateral", sums_.collateral, totals.collateral);
  ExpectSame("deposits", sums_.deposits, totals.deposits);
  ExpectSame("vesting emission", sums_.vesting, totals.vesting);
  ExpectSame("unbonding collateral", sums_.unbonding, totals.unbonding);
  Expect(IsConserved(totals), "the pots do not sum to genesis and minted coins");
  CheckIndexes();
  CheckCounts();
  CheckDelegations();
  CheckPrices();
  CheckSprints();
  return failure_;
}

}  // namespace

absl::Status CheckInvariants(const View& view) {
  return Audit(view).Run();
}

}  // namespace gonka::ledger
