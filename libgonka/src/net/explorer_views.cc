#include "net/explorer_views.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/base/json.h"
#include "gonka/ledger/queries.h"

namespace gonka::net {
namespace {

constexpr size_t kNoticesMax = 256;

// Joins JSON values with commas.
class ListText {
 public:
  void Add(const std::string& value) {
    if (text_.size() > 1) text_ += ',';
    text_ += value;
  }
  std::string Take() { return std::move(text_ += ']'); }

 private:
  std::string text_ = "[";
};

// The fields of a record's JSON, to go on with: {"a":1} becomes "a":1.
std::string Inner(const std::string& object) {
  return object.substr(1, object.size() - 2);
}

std::string Quoted(const char* text) {
  return JsonQuote(text);
}

template <class T>
std::string IdList(const T& ids) {
  ListText list;
  for (const auto& id : ids) list.Add('"' + Hex(id) + '"');
  return list.Take();
}

// Notices about something, with the place and time of each.
absl::StatusOr<std::string> NoticesAbout(const store::Snapshot& snapshot, const Hash& subject) {
  ListText list;
  std::vector<Notice> notices;
  uint64_t height = UINT64_MAX;
  uint64_t time_us = 0;
  for (const store::NoticePosition& position : snapshot.FindNotices(subject, 0, kNoticesMax)) {
    if (position.height != height) {
      height = position.height;
      GONKA_ASSIGN_OR_RETURN(notices, snapshot.GetNotices(height));
      const auto header = snapshot.GetHeader(height);  // Genesis has none.
      time_us = header.ok() ? header->time_us : 0;
    }
    if (position.index >= notices.size()) continue;
    list.Add(fmt::format(R"({{"height":{},"index":{},"time_us":{},"notice":{}}})", height,
                         position.index, time_us, ToJson(notices[position.index])));
  }
  return list.Take();
}

std::string UnbondingList(std::span<const ledger::Unbonding> entries) {
  ListText list;
  for (const ledger::Unbonding& entry : entries) list.Add(ToJson(entry));
  return list.Take();
}

// The number after the highest that was used.
uint64_t NextSequence(const ledger::SequenceWindow& window) {
  for (size_t i = kSequenceWindow; i-- > 0;) {
    if ((window.used.bytes[i / 8] >> (i % 8) & 1) != 0) return window.base + i + 1;
  }
  return window.base;
}

// Paid and Withheld of one epoch, as its settlement told them.
struct Settlement {
  uint64_t height = 0;
  std::vector<Notice> notices;

  template <class T>
  std::string RowsOf(uint64_t epoch, const AccountId& participant) const {
    ListText rows;
    for (size_t i = 0; i < notices.size(); ++i) {
      const T* row = std::get_if<T>(&notices[i]);
      if (row == nullptr || row->epoch != epoch || row->participant != participant) continue;
      rows.Add(fmt::format(R"({{"height":{},"index":{},{}}})", height, i, Inner(ToJson(*row))));
    }
    return rows.Take();
  }
};

// Every member is paid something, if only nothing, in the block that settles.
absl::StatusOr<std::optional<Settlement>> FindSettlement(const store::Snapshot& snapshot,
                                                         const ledger::EpochTable& table) {
  constexpr size_t kPaidKind = 16;
  static_assert(std::is_same_v<std::variant_alternative_t<kPaidKind, Notice>, Paid>);
  if (table.members.empty()) return std::nullopt;
  const Hash& member = table.members.front().id.value;
  for (const store::NoticePosition& position :
       snapshot.FindNotices(member, table.first_height, 4'096)) {
    if (position.kind != kPaidKind) continue;
    GONKA_ASSIGN_OR_RETURN(std::vector<Notice> notices, snapshot.GetNotices(position.height));
    if (position.index >= notices.size()) continue;
    if (std::get<Paid>(notices[position.index]).epoch != table.epoch) continue;
    return Settlement{.height = position.height, .notices = std::move(notices)};
  }
  return std::nullopt;
}

std::string SettlementText(const Settlement& settlement, uint64_t epoch) {
  for (const Notice& notice : settlement.notices) {
    const auto* settled = std::get_if<EpochSettled>(&notice);
    if (settled == nullptr || settled->epoch != epoch) continue;
    return fmt::format(R"({{"height":{},"notice":{}}})", settlement.height, ToJson(*settled));
  }
  return "null";
}

// Where the epoch's Sprint stands; null before it begins, and where weights are not earned.
std::string SprintText(const store::Snapshot& snapshot) {
  const auto sprint = ledger::FindSprint(snapshot, ledger::ReadChain(snapshot).epoch);
  if (!sprint) return "null";
  return fmt::format(R"({{"phase":{},"until":{},"void":{}}})", Quoted(NameOf(sprint->phase)),
                     sprint->until, sprint->is_void);
}

// What a participant has committed to in it, and what has become of that.
std::string SprintEntriesText(std::span<const ledger::ListedSprint> entries, const AccountId& id) {
  ListText list;
  for (const ledger::ListedSprint& listed : entries) {
    if (listed.participant != id) continue;
    const ledger::SprintEntry& entry = listed.entry;
    list.Add(fmt::format(
        R"({{"model":"{}","count":{},"outcome":{},"proven":{},"weight":{},"appealed":{}}})",
        Hex(listed.model), entry.count, entry.outcome ? Quoted(NameOf(*entry.outcome)) : "null",
        entry.proven, entry.weight, entry.appealed));
  }
  return list.Take();
}

}  // namespace

absl::StatusOr<std::string> StatusView(const store::Snapshot& snapshot, const StatusFacts& facts) {
  const ledger::Chain chain = ledger::ReadChain(snapshot);
  const Params params = ledger::ReadParams(snapshot);
  const ledger::CoinSums coins = ledger::CoinSumsOf(chain.totals);
  const uint64_t next_epoch = chain.epoch_first_height + params.time.epoch_blocks;
  return fmt::format(
      R"({{"network":"{}","name":{},"participant":"{}","height":{},"block_hash":"{}",)"
      R"("app_hash":"{}","time_us":{},"epoch":{},"epoch_first_height":{},"epoch_blocks":{},)"
      R"("blocks_until_epoch_end":{},"epoch_settled":{},"sequencer":"{}","caught_up":{},)"
      R"("block_interval_ms":{},"sprint":{},"totals":{},)"
      R"("conservation":{{"created":{},"accounted":{},"holds":{}}}}})",
      Hex(chain.network), JsonQuote(facts.name), Hex(facts.participant), snapshot.height(),
      Hex(snapshot.tip().hash), Hex(snapshot.tip().app_hash), chain.time_us, chain.epoch,
      chain.epoch_first_height, params.time.epoch_blocks,
      next_epoch > chain.height ? next_epoch - chain.height : 0, chain.epoch_settled,
      Hex(chain.sequencer), facts.caught_up, params.block_interval_ms, SprintText(snapshot),
      ToJson(chain.totals), static_cast<uint64_t>(coins.made), static_cast<uint64_t>(coins.there),
      coins.made == coins.there);
}

absl::StatusOr<std::string> ParticipantsView(const store::Snapshot& snapshot) {
  ListText list;
  const uint64_t epoch = ledger::ReadChain(snapshot).epoch;
  const auto sprint = ledger::ListSprint(snapshot, epoch);
  for (const auto& [id, participant] : ledger::ListParticipants(snapshot)) {
    const auto account = ledger::FindAccount(snapshot, id);
    list.Add(fmt::format(
        R"({{"id":"{}","endpoint":{},"models":{},"weight":{},"collateral":{},"reputation":{},)"
        R"("clean_epochs":{},"convictions":{},"active_from_epoch":{},"removed":{},"balance":{},)"
        R"("last_epoch":{},"unbonding":{},"next_terms":{},"maintenance":{},"sprint":{}}})",
        Hex(id), JsonQuote(participant.endpoint), IdList(participant.models), participant.weight,
        participant.collateral.units(), participant.reputation.value, participant.clean_epochs,
        participant.convictions, participant.active_from_epoch, participant.removed,
        account ? account->balance.units() : 0,
        participant.last_epoch ? std::to_string(*participant.last_epoch) : "null",
        UnbondingList(participant.unbonding),
        participant.next_terms ? ToJson(*participant.next_terms) : "null",
        participant.maintenance ? ToJson(*participant.maintenance) : "null",
        SprintEntriesText(sprint, id)));
  }
  return fmt::format(R"({{"height":{},"epoch":{},"participants":{}}})", snapshot.height(), epoch,
                     list.Take());
}

absl::StatusOr<std::string> ModelsView(const store::Snapshot& snapshot) {
  ListText list;
  for (const ModelInfo& model : ledger::ListModels(snapshot)) {
    const auto price = ledger::FindPrice(snapshot, model.id);
    list.Add(
        fmt::format(R"({{"id":"{}","name":{},"price":{},"context":{},"top_k":{},"price_floor":{},)"
                    R"("price_ceiling":{},"capacity_tokens":{},"lowest_cap":{}}})",
                    Hex(model.id), JsonQuote(model.name), price->now.units(), model.context,
                    model.top_k, model.price_floor.units(), model.price_ceiling.units(),
                    model.capacity_tokens, price->low.units()));
  }
  return fmt::format(R"({{"models":{}}})", list.Take());
}

absl::StatusOr<std::string> EpochView(const store::Snapshot& snapshot, uint64_t epoch) {
  const auto table = ledger::FindEpoch(snapshot, epoch);
  if (!table) {
    const ledger::Chain chain = ledger::ReadChain(snapshot);
    return absl::NotFoundError(fmt::format("epoch {} is not there: this node knows {} to {}", epoch,
                                           chain.epoch_pruned, chain.epoch));
  }
  GONKA_ASSIGN_OR_RETURN(const auto settlement, FindSettlement(snapshot, *table));
  const Settlement rows = settlement.value_or(Settlement{});
  ListText members;
  for (const ledger::Member& member : table->members) {
    const auto standing = ledger::FindStanding(snapshot, epoch, member.id);
    members.Add(fmt::format(
        R"({{"id":"{}","weight":{},"proven_weight":{},"reputation":{},"models":{},"standing":{},)"
        R"("paid":{},"withheld":{}}})",
        Hex(member.id), member.weight, member.proven_weight, member.reputation.value,
        IdList(member.models), standing ? ToJson(*standing) : "null",
        rows.RowsOf<Paid>(epoch, member.id), rows.RowsOf<Withheld>(epoch, member.id)));
  }
  return fmt::format(R"({{"epoch":{},"first_height":{},"beacon":"{}","settled":{},"members":{},)"
                     R"("withheld_of_nobody":{},"settlement":{}}})",
                     epoch, table->first_height, Hex(table->beacon),
                     epoch < ledger::ReadChain(snapshot).epoch_settled, members.Take(),
                     rows.RowsOf<Withheld>(epoch, AccountId{}),
                     settlement ? SettlementText(*settlement, epoch) : "null");
}

absl::StatusOr<std::string> InferenceView(const store::Snapshot& snapshot, const InferenceId& id) {
  const auto record = ledger::FindRecord(snapshot, id);
  if (!record) {
    return absl::NotFoundError(fmt::format(
        "inference {} is not on the ledger (or not yet, or its epoch was dropped)", Hex(id)));
  }
  GONKA_ASSIGN_OR_RETURN(const std::string notices, NoticesAbout(snapshot, id.value));
  const Assignment& assignment = record->assignment;
  return fmt::format(
      R"({{"id":"{}","status":{},"settled":{},"epoch":{},"developer":"{}","transfer_agent":"{}",)"
      R"("executor":"{}","prompt_tokens":{},"output_tokens":{},"paid":{},"refunded":{},)"
      R"("record":{},"notices":{}}})",
      Hex(id), Quoted(NameOf(record->status)), record->settled, assignment.request.epoch,
      Hex(assignment.request.developer), Hex(assignment.request.ta), Hex(assignment.executor),
      assignment.prompt_tokens, record->finish ? record->finish->output_tokens : 0,
      record->paid.units(), record->refunded.units(), record->settled ? "null" : ToJson(*record),
      notices);
}

absl::StatusOr<std::string> AccountView(const store::Snapshot& snapshot, const AccountId& id) {
  const auto account = ledger::FindAccount(snapshot, id);
  if (!account) {
    return absl::NotFoundError(fmt::format("account {} is not on the ledger", Hex(id)));
  }
  ListText allowances;
  bool participant = false;
  for (const auto& [ta, facts] : ledger::ListParticipants(snapshot)) {  // At most 4,096.
    participant |= ta == id;
    const auto allowance = ledger::FindAllowance(snapshot, ta, id);
    if (!allowance) continue;
    allowances.Add(fmt::format(
        R"({{"transfer_agent":"{}","available":{},"expires_epoch":{},"ready":{},"salt":"{}",)"
        R"("open_records":{},"api_key":{}}})",
        Hex(ta), allowance->available.units(), allowance->expires_epoch, !allowance->salt.IsZero(),
        Hex(allowance->salt), allowance->open_records, allowance->key_digest.has_value()));
  }
  uint64_t vesting = 0;
  for (const Amount release : ledger::FindVesting(snapshot, id)) vesting += release.units();
  return fmt::format(
      R"({{"id":"{}","balance":{},"sequence":{},"participant":{},"vesting":{},"allowances":{}}})",
      Hex(id), account->balance.units(), NextSequence(account->window), participant, vesting,
      allowances.Take());
}

absl::StatusOr<std::string> DelegationView(const store::Snapshot& snapshot, const AccountId& key) {
  const auto delegation = ledger::FindDelegation(snapshot, key);
  if (!delegation) {
    return absl::NotFoundError(fmt::format("key {} acts for no account", Hex(key)));
  }
  ListText events;
  const std::vector<std::string> names = EventNames();
  for (size_t i = 0; i < names.size(); ++i) {
    if ((delegation->events >> i & 1) != 0) events.Add(Quoted(names[i].c_str()));
  }
  return fmt::format(R"({{"key":"{}","account":"{}","events":{},"speaks":{},"orders":{},"cap":{},)"
                     R"("expires_height":{},"ends_height":{},"revoked":{}}})",
                     Hex(key), Hex(delegation->account), events.Take(), delegation->speaks,
                     delegation->orders, delegation->cap.units(), delegation->expires_height,
                     delegation->ends_height, delegation->revoked);
}

absl::StatusOr<std::string> ParamsView(const store::Snapshot& snapshot) {
  std::string list;
  for (const ParamChange& param : ListParams(ledger::ReadParams(snapshot))) {
    list += fmt::format(R"({}"{}":{})", list.empty() ? "" : ",",
                        static_cast<const std::string&>(param.name), param.value);
  }
  return fmt::format(R"({{"height":{},"rules":{},"params":{{{}}}}})", snapshot.height(),
                     ledger::ReadChain(snapshot).rules, list);
}

absl::StatusOr<std::string> ProposalsView(const store::Snapshot& snapshot) {
  ListText list;
  for (auto& [number, proposal] : ledger::ListProposals(snapshot)) {
    ListText votes;
    for (const auto& [voter, approve] : ledger::ListVotes(snapshot, number)) {
      votes.Add(fmt::format(R"({{"voter":"{}","approve":{}}})", Hex(voter), approve));
    }
    list.Add(fmt::format(R"({{"number":{},"proposal":{},"votes":{}}})", number, ToJson(proposal),
                         votes.Take()));
  }
  return fmt::format(R"({{"height":{},"proposals":{}}})", snapshot.height(), list.Take());
}

absl::StatusOr<std::string> OpenCasesView(const store::Snapshot& snapshot) {
  ListText list;
  for (const auto& [id, open] : ledger::ListOpenCases(snapshot)) {
    list.Add(fmt::format(R"({{"id":"{}","case":{}}})", Hex(id), ToJson(open)));
  }
  return fmt::format(R"({{"cases":{}}})", list.Take());
}

absl::StatusOr<std::string> CaseView(const store::Snapshot& snapshot, const CaseId& id) {
  const auto found = ledger::FindCase(snapshot, id);
  if (!found) return absl::NotFoundError(fmt::format("case {} is not on the ledger", Hex(id)));
  GONKA_ASSIGN_OR_RETURN(const std::string notices, NoticesAbout(snapshot, id.value));
  return fmt::format(R"({{"id":"{}","case":{},"notices":{}}})", Hex(id), ToJson(*found), notices);
}

absl::StatusOr<std::string> BlockView(const store::Snapshot& snapshot, uint64_t height) {
  if (height == 0) return absl::NotFoundError("block 0 is genesis: GET /gonka/v1/genesis");
  GONKA_ASSIGN_OR_RETURN(const store::BlockInfo info, snapshot.GetInfo(height));
  GONKA_ASSIGN_OR_RETURN(const Block block, snapshot.GetBlock(height));
  GONKA_ASSIGN_OR_RETURN(const std::vector<Receipt> receipts, snapshot.GetReceipts(height));
  GONKA_ASSIGN_OR_RETURN(const std::vector<Notice> notices, snapshot.GetNotices(height));
  ListText txs, receipt_list, notice_list;
  for (const SignedTx& tx : block.txs) {
    ListText events;
    for (const Event& event : tx.events) {
      events.Add(std::visit([](const auto& e) { return Quoted(e.kName); }, event));
    }
    txs.Add(fmt::format(R"({{"hash":"{}","sender":"{}","sequence":{},"events":{}}})",
                        Hex(HashOf(tx)), Hex(tx.sender), tx.sequence, events.Take()));
  }
  for (const Receipt& receipt : receipts) receipt_list.Add(ToJson(receipt));
  for (const Notice& notice : notices) notice_list.Add(ToJson(notice));
  return fmt::format(
      R"({{"height":{},"hash":"{}","app_hash":"{}","header":{},"txs":{},"receipts":{},"notices":{}}})",
      height, Hex(info.hash), Hex(info.app_hash), ToJson(block.header), txs.Take(),
      receipt_list.Take(), notice_list.Take());
}

std::string ProofView(const InclusionProof& proof) {
  return fmt::format(R"({{"proof":"{}","header_height":{},"block_hash":"{}","leaf":{},"view":{}}})",
                     Hex(Encode(proof)), proof.header.height, Hex(HashOf(proof.header)),
                     ToJson(proof.leaf), ToJson(proof));
}

}  // namespace gonka::net
