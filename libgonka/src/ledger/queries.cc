#include "gonka/ledger/queries.h"

#include <algorithm>

#include "gonka/protocol/sprint.h"
#include "gonka/rewards/fee.h"
#include "gonka/select/draw.h"
#include "ledger/checks.h"
#include "ledger/delegation.h"
#include "ledger/executor_draw.h"
#include "ledger/keys.h"
#include "ledger/members.h"
#include "ledger/pricing.h"
#include "ledger/stored.h"

namespace gonka::ledger {
namespace {

template <class T>
std::optional<T> FindValue(const View& view, const Key& key) {
  const std::optional<Bytes> bytes = view.Get(key.span());
  if (!bytes) return std::nullopt;
  return DecodeStored<T>(*bytes);
}

template <class T>
T GetValue(const View& view, const Key& key) {
  std::optional<T> value = FindValue<T>(view, key);
  GONKA_CHECK(value.has_value());
  return *std::move(value);
}

// All values under a prefix, with the id at the end of their keys.
template <class Id, class T>
std::vector<std::pair<Id, T>> ListValues(const View& view, char letter) {
  std::vector<std::pair<Id, T>> values;
  view.Scan(Key(letter).span(), {}, [&](ByteSpan key, ByteSpan value) {
    values.emplace_back(Id{KeyReader(key).NextHash()}, DecodeStored<T>(value));
    return true;
  });
  return values;
}

template <class Id>
std::vector<Id> ListIds(const View& view, const Key& prefix) {
  std::vector<Id> ids;
  view.Scan(prefix.span(), {}, [&](ByteSpan key, ByteSpan) {
    ids.push_back(Id{KeyReader(key.subspan(prefix.span().size() - 1)).NextHash()});
    return true;
  });
  return ids;
}

Bytes KeyBytes(const Key& key) {
  return ToBytes(key.span());
}

}  // namespace

Chain ReadChain(const View& view) {
  return GetValue<Chain>(view, keys::OfChain());
}
Params ReadParams(const View& view) {
  return GetValue<Params>(view, keys::OfParams());
}

std::optional<Account> FindAccount(const View& view, const AccountId& id) {
  return FindValue<Account>(view, keys::Of(id));
}
std::optional<Participant> FindParticipant(const View& view, const AccountId& id) {
  return FindValue<Participant>(view, keys::OfParticipant(id));
}
std::vector<std::pair<AccountId, Participant>> ListParticipants(const View& view) {
  return ListValues<AccountId, Participant>(view, 'p');
}
bool IsAway(const Participant& participant, uint64_t height) {
  const auto& maintenance = participant.maintenance;
  return maintenance && maintenance->from_height <= height && height <= maintenance->until_height;
}
std::vector<Amount> FindVesting(const View& view, const AccountId& id) {
  return FindValue<Vesting>(view, keys::OfVesting(id)).value_or(Vesting{}).releases;
}
std::optional<ModelInfo> FindModel(const View& view, const ModelId& id) {
  return FindValue<ModelInfo>(view, keys::Of(id));
}
std::vector<ModelInfo> ListModels(const View& view) {
  std::vector<ModelInfo> models;
  for (auto& [id, model] : ListValues<ModelId, ModelInfo>(view, 'm')) {
    models.push_back(std::move(model));
  }
  return models;
}
std::optional<ModelPrice> FindPrice(const View& view, const ModelId& id) {
  const auto pricing = FindValue<Pricing>(view, keys::OfPricing(id));
  return pricing ? std::optional(PriceIn(*pricing)) : std::nullopt;
}

std::optional<Delegation> FindDelegation(const View& view, const AccountId& key) {
  return FindValue<Delegation>(view, keys::OfDelegation(key));
}

AccountId AccountBehind(const View& view, const AccountId& key) {
  const std::optional<Delegation> delegation = FindDelegation(view, key);
  return delegation && delegation->speaks ? delegation->account : key;
}

AccountId NodeKeyOf(const AccountId& account, const Participant& participant) {
  const NodeKey* key = NodeKeyInUse(participant);
  return key == nullptr ? account : key->key;
}

std::optional<PublicKey> SigningKeyOf(const View& view, const AccountId& account, const Hash& hash,
                                      const Signature& signature) {
  const std::optional<Participant> participant = FindParticipant(view, account);
  return SigningKey(account, participant ? &*participant : nullptr, ReadChain(view).height + 1,
                    hash, signature);
}

TxCode CheckDeveloper(const View& view, const Assignment& assignment) {
  const Request& request = assignment.request;
  const std::optional<Allowance> allowance = FindAllowance(view, request.ta, request.developer);
  if (!allowance) return TxCode::kInsufficientAllowance;
  const auto delegation = request.signer ? FindDelegation(view, *request.signer) : std::nullopt;
  return CheckDeveloper(*allowance, delegation ? &*delegation : nullptr, assignment,
                        ReadChain(view).height + 1);
}

std::optional<Proposal> FindProposal(const View& view, uint64_t number) {
  return FindValue<Proposal>(view, keys::OfProposal(number));
}

std::vector<std::pair<uint64_t, Proposal>> ListProposals(const View& view) {
  std::vector<std::pair<uint64_t, Proposal>> proposals;
  view.Scan(Key('i').span(), {}, [&](ByteSpan key, ByteSpan value) {
    proposals.emplace_back(KeyReader(key).NextNumber(), DecodeStored<Proposal>(value));
    return true;
  });
  return proposals;
}

std::vector<std::pair<AccountId, bool>> ListVotes(const View& view, uint64_t proposal) {
  std::vector<std::pair<AccountId, bool>> votes;
  view.Scan(Key('j').AddNumber(proposal).span(), {}, [&](ByteSpan key, ByteSpan value) {
    KeyReader reader(key);
    reader.NextNumber();
    votes.emplace_back(AccountId{reader.NextHash()}, DecodeStored<ProposalVote>(value).approve);
    return true;
  });
  return votes;
}

std::optional<EpochTable> FindEpoch(const View& view, uint64_t epoch) {
  return FindValue<EpochTable>(view, keys::OfEpoch(epoch));
}
std::optional<Standing> FindStanding(const View& view, uint64_t epoch, const AccountId& id) {
  return FindValue<Standing>(view, keys::OfStanding(epoch, id));
}
std::optional<Allowance> FindAllowance(const View& view, const AccountId& ta,
                                       const AccountId& developer) {
  return FindValue<Allowance>(view, keys::OfAllowance(ta, developer));
}
bool IsUsed(const Allowance& allowance, uint64_t sequence) {
  if (sequence < allowance.sequence_base) return true;
  const uint64_t offset = sequence - allowance.sequence_base;
  return offset < 64 && (allowance.sequence_used >> offset & 1) != 0;
}
std::optional<AccountId> FindDeveloperByKey(const View& view, const AccountId& ta,
                                            const Hash& key_digest) {
  return FindValue<AccountId>(view, keys::OfApiKey(ta, key_digest));
}
std::optional<InferenceRecord> FindRecord(const View& view, const InferenceId& id) {
  return FindValue<InferenceRecord>(view, keys::Of(id));
}

std::optional<SettledRecord> FindSettledRecord(const View& view, const InferenceId& id) {
  const std::optional<Bytes> bytes = view.Get(keys::Of(id).span());
  if (!bytes) return std::nullopt;
  absl::StatusOr<SettledRecord> settled = Decode<SettledRecord>(*bytes);
  if (!settled.ok()) return std::nullopt;
  return *std::move(settled);
}

std::vector<std::pair<InferenceId, InferenceRecord>> ListRecords(const View& view, uint64_t epoch,
                                                                 const InferenceId& after,
                                                                 size_t limit) {
  std::vector<std::pair<InferenceId, InferenceRecord>> records;
  const Key prefix = Key('x').AddNumber(epoch);
  Key from = prefix;
  if (const std::optional<InferenceRecord> last = FindRecord(view, after)) {
    const std::optional<EpochTable> table = FindEpoch(view, epoch);
    const std::optional<size_t> index =
        table ? MemberIndex(*table, last->assignment.executor) : std::nullopt;
    if (index) from = keys::OfWork(epoch, static_cast<uint16_t>(*index), after);
  }
  if (limit == 0) return records;
  view.Scan(prefix.span(), from.span(), [&](ByteSpan key, ByteSpan) {
    KeyReader reader(key);
    reader.NextNumber();
    reader.NextShort();
    const InferenceId id{reader.NextHash()};
    if (id != after) records.emplace_back(id, GetValue<InferenceRecord>(view, keys::Of(id)));
    return records.size() < limit;
  });
  return records;
}

const List<ModelId, 16>& NextModels(const Participant& participant) {
  return participant.next_terms ? participant.next_terms->models : participant.models;
}

std::optional<Sprint> FindSprint(const View& view, uint64_t epoch) {
  return FindValue<Sprint>(view, keys::OfSprint(epoch));
}

std::optional<SprintEntry> FindSprintEntry(const View& view, uint64_t epoch,
                                           const AccountId& participant, const ModelId& model) {
  return FindValue<SprintEntry>(view, keys::OfSprintEntry(epoch, participant, model));
}

std::vector<ListedSprint> ListSprint(const View& view, uint64_t epoch) {
  std::vector<ListedSprint> entries;
  view.Scan(Key('E').AddNumber(epoch).span(), {}, [&](ByteSpan key, ByteSpan value) {
    KeyReader reader(key);
    reader.NextNumber();
    const AccountId participant{reader.NextHash()};
    entries.push_back({.participant = participant,
                       .model = ModelId{reader.NextHash()},
                       .entry = DecodeStored<SprintEntry>(value)});
    return true;
  });
  return entries;
}

std::vector<uint32_t> SprintSamples(const View& view, uint64_t epoch, const AccountId& participant,
                                    const ModelId& model) {
  const auto sprint = FindSprint(view, epoch);
  const auto entry = FindSprintEntry(view, epoch, participant, model);
  if (!sprint || !entry || sprint->sample_seed.IsZero()) return {};
  const std::vector<size_t> drawn =
      select::DrawSample(SprintSamplesSeed(sprint->sample_seed, participant, model), entry->count,
                         ReadParams(view).sprint.samples);
  std::vector<uint32_t> samples(drawn.begin(), drawn.end());
  std::sort(samples.begin(), samples.end());
  return samples;
}

std::optional<Case> FindCase(const View& view, const CaseId& id) {
  return FindValue<Case>(view, keys::Of(id));
}

std::vector<std::pair<CaseId, Case>> ListOpenCases(const View& view) {
  std::vector<std::pair<CaseId, Case>> cases;
  const Chain chain = ReadChain(view);
  for (uint64_t epoch = chain.epoch_settled; epoch <= chain.epoch; ++epoch) {
    for (const CaseId& id : ListIds<CaseId>(view, Key('u').AddNumber(epoch))) {
      Case open = GetValue<Case>(view, keys::Of(id));
      if (!open.decided) cases.emplace_back(id, std::move(open));
    }
  }
  return cases;
}

std::variant<AccountId, TxCode> DrawExecutor(const View& view, uint64_t epoch, const ModelId& model,
                                             const AccountId& developer, const AccountId& ta,
                                             uint64_t sequence, uint8_t attempt) {
  const std::optional<EpochTable> table = FindEpoch(view, epoch);
  if (!table) return TxCode::kWrongEpoch;
  const std::optional<Allowance> allowance = FindAllowance(view, ta, developer);
  if (!allowance) return TxCode::kInsufficientAllowance;
  return DrawExecutor(*table, model, allowance->salt, developer, ta, sequence, attempt);
}

std::variant<AccountId, TxCode> DrawExecutor(const EpochTable& table, const ModelId& model,
                                             const Hash& salt, const AccountId& developer,
                                             const AccountId& ta, uint64_t sequence,
                                             uint8_t attempt) {
  const select::WeightTable serving(WeightsServing(table, model));
  const auto drawn = DrawExecutors({.table = table,
                                    .model = model,
                                    .serving = serving,
                                    .salt = salt,
                                    .developer = developer,
                                    .ta = ta,
                                    .sequence = sequence},
                                   attempt);
  if (const TxCode* code = std::get_if<TxCode>(&drawn)) return *code;
  return table.members[std::get<std::vector<size_t>>(drawn).back()].id;
}

namespace {

select::WeightTable ServingTable(const EpochTable& table, const InferenceRecord& record) {
  return select::WeightTable(WeightsServing(table, record.assignment.request.model));
}

}  // namespace

std::vector<AccountId> ValidatorOrder(const View& view, const InferenceRecord& record) {
  if (!record.check_selected) return {};
  const std::optional<EpochTable> table = FindEpoch(view, record.assignment.request.epoch);
  if (!table) return {};
  return ValidatorsOf(*table, ServingTable(*table, record), record, SIZE_MAX);
}

CheckDuty DutyOf(const View& view, const InferenceRecord& record, const AccountId& validator,
                 uint64_t height) {
  if (!record.check_selected) return {.code = TxCode::kNotAssigned};
  if (record.check_closed) return {.code = TxCode::kAlreadyDone};
  const std::optional<EpochTable> table = FindEpoch(view, record.assignment.request.epoch);
  if (!table) return {.code = TxCode::kNotAssigned};
  const Params params = ReadParams(view);
  const select::WeightTable serving = ServingTable(*table, record);
  CheckDuty duty = DutyIn(*table, serving, params, record, validator, height);
  if (duty.code != TxCode::kOk && duty.code != TxCode::kTooEarly) return duty;
  if (duty.code == TxCode::kTooEarly) {
    const std::vector<AccountId> order = ValidatorsOf(*table, serving, record, SIZE_MAX);
    const auto found = std::find(order.begin(), order.end(), validator);
    duty.place = static_cast<uint64_t>(found - order.begin());
  }
  duty.from = record.turn_height;
  if (duty.place > record.turn) {
    duty.from += (duty.place - record.turn) * params.time.check_window_blocks;
  }
  return duty;
}

std::vector<InferenceId> ListOpenChecks(const View& view) {
  return ListIds<InferenceId>(view, Key('o'));
}

bool DrawsPending(const View& view) {
  const Chain chain = ReadChain(view);
  return chain.draws_pending > 0 ||
         chain.height + 1 == chain.epoch_first_height + ReadParams(view).time.epoch_blocks;
}

std::optional<Hash> NextChainHead(const View& view, const AccountId& proposer) {
  const std::optional<Participant> participant = FindParticipant(view, proposer);
  if (!participant) return std::nullopt;
  const Chain chain = ReadChain(view);
  const bool begins_epoch =
      chain.height + 1 == chain.epoch_first_height + ReadParams(view).time.epoch_blocks;
  if (begins_epoch && participant->next_chain_end) return participant->next_chain_end;
  if (participant->chain_head.IsZero()) return std::nullopt;
  return participant->chain_head;
}

std::optional<Amount> EscrowOf(uint32_t prompt_tokens, uint32_t tokens_max, Amount price) {
  return rewards::Escrow(prompt_tokens, tokens_max, price);
}

Bytes RecordKey(const InferenceId& id) {
  return KeyBytes(keys::Of(id));
}
Bytes AccountKey(const AccountId& id) {
  return KeyBytes(keys::Of(id));
}
Bytes ParticipantKey(const AccountId& id) {
  return KeyBytes(keys::OfParticipant(id));
}

}  // namespace gonka::ledger
