// Who acts, how it reaches the ledger, and all that is not about a request.

#include "unit/ledger/chaos.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace gonka::ledger {
namespace {

ModelInfo Model(uint64_t number, Amount price, uint64_t capacity_tokens) {
  return {.id = {TaggedHash("test/model/1", number)},
          .name = "model" + std::to_string(number),
          .price = price,
          .context = 1'000,
          .top_k = 5,
          .calibration = {},
          .capacity_tokens = capacity_tokens,
          .price_floor = Amount(1),
          .price_ceiling = Amount(1'000),
          .sprint_weight = number == 2 ? 0u : 1'000'000u};
}

// A second model that not everybody serves, and weights of all sizes.
void Amend(Genesis& genesis, uint64_t sim_seed) {
  genesis.models.push_back(Model(2, Amount(5), 0));
  std::sort(genesis.models.begin(), genesis.models.end(),
            [](const ModelInfo& a, const ModelInfo& b) { return a.id < b.id; });
  for (size_t i = 0; i < genesis.participants.size(); ++i) {
    GenesisParticipant& participant = genesis.participants[i];
    if (i % 3 == 1) continue;
    participant.models = {genesis.models[0].id, genesis.models[1].id};
    if (sim_seed % 2 == 1) participant.weight = 1 + i * i * 37;
  }
  if (sim_seed % 5 == 4) genesis.participants.back().weight = 0;
}

SprintParams FrequentSprints() {
  return {.lead_blocks = 64,
          .window_blocks = 10,
          .check_blocks = 7,
          .reveal_blocks = 8,
          .input_tokens = 32,
          .positions = 8,
          .samples = 4,
          .checkers = 2,
          .share_min = Ppm{500'000},
          .quorum = Ppm{400'000}};
}

NetworkOptions Options(uint64_t sim_seed, bool audit) {
  NetworkOptions options;
  options.participants = 2 + (sim_seed * 5) % 8;
  options.params.check.rate_max = Ppm{sim_seed % 3 == 0 ? 1'000'000u : 800'000u};
  options.params.check.traffic_cut = 20;
  options.params.check.traffic_half = 60;
  options.params.check.traffic_full = 120;
  options.params.check.recheck_rate = Ppm{500'000};
  options.params.check.accusations_in_flight_max = 6;
  options.params.check.challenges_in_flight_max = 3;
  options.params.money.challenge_bond = Amount(50);
  options.params.money.collateral_min = Amount(700);
  options.params.money.unbonding_epochs = 1;
  options.params.money.vesting_epochs = sim_seed % 3;
  options.params.time.maintenance_notice_blocks = 5;
  options.params.time.maintenance_blocks_max = 30;
  options.params.time.maintenance_gap_blocks = 50;
  options.params.reputation.miss_sample_min = 5;
  options.params.reputation.epochs_to_full = 3;
  options.params.governance.vote_blocks = 20;
  options.params.governance.notice_blocks = 5;
  options.params.governance.deposit = Amount(50);
  options.params.governance.open_max = 6;
  if (sim_seed % 2 == 0) options.params.sprint = FrequentSprints();
  options.capacity_tokens = sim_seed % 4 == 0 ? 0 : 100;
  options.price = Amount(3);
  options.audit = audit;
  options.amend = [sim_seed](Genesis& genesis) { Amend(genesis, sim_seed); };
  return options;
}

constexpr size_t kStrangers = 4;
constexpr size_t kWarmKeys = 6;

// Parameters that may move a little, and some that must not.
struct Moves {
  const char* name;
  int64_t least;
  int64_t most;
};
constexpr Moves kMoves[] = {
    {"time.epoch_blocks", 85, 110},
    {"time.settle_blocks", 50, 70},
    {"time.grace_blocks", 0, 8},
    {"time.check_window_blocks", 0, 5},
    {"time.vote_window_blocks", 1, 5},
    {"time.hearing_window_blocks", 1, 8},
    {"time.expiry_base_blocks", 5, 15},
    {"time.expiry_tokens_per_block", 0, 20},
    {"check.rate_max", 500'000, 1'000'001},
    {"check.committee_seats", 0, 9},
    {"check.voters_min", 0, 4},
    {"check.hearing_sample", 0, 6},
    {"check.share_per_party", 0, 1'000'000},
    {"check.recheck_rate", 0, 1'000'000},
    {"check.checks_per_epoch_min", 0, 10},
    {"reputation.passes_min", -1, 5},
    {"reputation.convictions_to_remove", 0, 5},
    {"reputation.slash", 0, 500'000},
    {"money.weight_cap", 0, 1'000'000},
    {"money.fee_ta", 90'000, 100'000},
    {"money.newcomer_weight", 0, 200},
    {"money.collateral_min", 0, 1'000},
    {"money.unbonding_epochs", 0, 3},
    {"money.vesting_epochs", 0, 3},
    {"money.refused_event_fee", 0, 200},
    {"time.maintenance_blocks_max", 0, 40},
    {"money.accusation_bond", 0, 1'000},
    {"request_sequence_ahead", 0, 65},
    {"pricing.step_max", 0, 20'001},
    {"pricing.elasticity", 0, 200'000},
    {"pricing.window_blocks", 0, 20},
    {"governance.open_max", 3, 8},
    {"governance.deposit", 0, 100},
    {"governance.deposit_return", 0, 400'000},
    {"sprint.lead_blocks", 59, 90},
    {"sprint.window_blocks", 5, 15},
    {"sprint.samples", 0, 6},
    {"sprint.checkers", 0, 4},
    {"sprint.positions", 1, 35},
    {"sprint.share_min", 1, 1'000'001},
    {"no.such_parameter", 0, 1},
};

}  // namespace

uint64_t Dice::Next(size_t n) {
  if (!from_bytes_) return random_();
  uint64_t value = 0;
  for (size_t range = n - 1; range > 0 && !bytes_.empty(); range >>= 8) {
    value = value << 8 | bytes_.front();
    bytes_ = bytes_.subspan(1);
  }
  return value;
}

size_t Dice::Below(size_t n) {
  return n <= 1 ? 0 : Next(n) % n;
}

Chaos::Chaos(uint64_t sim_seed, bool audit, Witness* witness)
    : net_(Options(sim_seed, audit), witness), dice_(sim_seed) {
  std::vector<KeyPair> all;
  for (size_t i = 0; i < net_.size(); ++i) all.push_back(net_.participant(i));
  for (size_t i = 0; i < 3; ++i) all.push_back(net_.developer(i));
  for (size_t i = 0; i < kStrangers; ++i) {
    all.push_back(TestNetwork::NewKey("stranger" + std::to_string(i)));
  }
  for (size_t i = 0; i < kWarmKeys; ++i) {
    all.push_back(TestNetwork::NewKey("warm" + std::to_string(i)));
  }
  for (const KeyPair& key : all) {
    ids_.push_back(AccountOf(key.public_key()));
    keys_.emplace(ids_.back(), key);
  }
  net_.AllowAll();
  for (size_t i = 0; i < 3; ++i) sequences_[net_.developer_id(i)] = 1;
}

void Chaos::Run(size_t blocks) {
  for (size_t i = 0; i < blocks; ++i) Block();
}

void Chaos::RunOn(Dice dice) {
  dice_ = std::move(dice);
  while (!dice_.spent()) Block();
}

void Chaos::Block() {
  const size_t actions = Below(24);
  for (size_t i = 0; i < actions; ++i) Act();
  Sprint();
  MakeBlock();
}

void Chaos::Act() {
  switch (Below(16)) {
    case 0:
    case 1:
      return Account();
    case 2:
    case 3:
    case 4:
      return Ask();
    case 5:
      return OneIn(2) ? AskAgain() : Ask();
    case 6:
    case 7:
    case 8:
    case 9:
    case 10:
      return WorkOn();
    case 11:
      return Judge();
    case 12:
      return Reveal();
    case 13:
      return Vote();
    case 14:
      return OneIn(3) ? Dispute() : WarmKey();
    case 15:
      return Govern();
  }
}

const KeyPair& Chaos::Anybody() {
  return KeyOf(OneOf(ids_));
}

AccountId Chaos::AnyParticipant() {
  if (OneIn(40)) return OneOf(ids_);
  const auto participants = ListParticipants(net_.view());
  const auto& [id, first] = OneOf(participants);
  return first.removed && !OneIn(12) ? OneOf(participants).first : id;
}

AccountId Chaos::AnyDeveloper() {
  return OneIn(40) ? OneOf(ids_) : net_.developer_id(Below(3));
}

KeyPair Chaos::Warm() {
  return TestNetwork::NewKey("warm" + std::to_string(Below(kWarmKeys)));
}

KeyPair Chaos::WarmOf(const AccountId& id, bool orders) {
  for (size_t tries = OneIn(9) ? 0 : kWarmKeys; tries > 0; --tries) {
    const KeyPair warm = Warm();
    const auto delegation = FindDelegation(net_.view(), AccountOf(warm.public_key()));
    const bool right = delegation && delegation->account == id && (!orders || delegation->orders);
    if (right) return warm;
  }
  return Warm();
}

KeyPair Chaos::SignerFor(const AccountId& id) {
  if (OneIn(60)) return Anybody();
  if (!OneIn(3)) return KeyOf(id);
  const auto participant = FindParticipant(net_.view(), id);
  if (!participant || participant->node_keys.empty()) return KeyOf(id);
  const auto found = keys_.find(OneOf(participant->node_keys).key);
  return found == keys_.end() ? KeyOf(id) : found->second;
}

// Mostly what there is, or a little; sometimes at a bound.
Amount Chaos::Coins(const AccountId& whose) {
  const Amount balance = net_.balance(whose);
  switch (Below(12)) {
    case 0:
      return Amount(0);
    case 1:
      return Amount(1);
    case 2:
      return OneIn(4) ? balance : Amount(balance.units() / 2);
    case 3:
      return Amount(std::min(balance.units() + 1, Amount::kMax));
    case 4:
      return Amount(Amount::kMax);
    default:
      return Amount(Below(3'000));
  }
}

ModelId Chaos::AnyModel() {
  if (OneIn(40)) return {TaggedHash("test/model/1", uint64_t{Below(9)})};
  const std::vector<ModelInfo> models = ListModels(net_.view());
  return OneOf(models).id;
}

// All there are, mostly; in order, mostly.
List<ModelId, 16> Chaos::AnyModels() {
  List<ModelId, 16> models;
  for (size_t count = OneIn(8) ? Below(4) : 2; count > 0; --count) models.push_back(AnyModel());
  if (OneIn(8)) return models;
  std::sort(models.begin(), models.end());
  models.erase(std::unique(models.begin(), models.end()), models.end());
  return models;
}

uint64_t Chaos::AnyEpoch() {
  const uint64_t now = net_.epoch();
  if (!OneIn(8)) return now;
  return now + 1 - std::min<uint64_t>(Below(4), now + 1);
}

void Chaos::Account() {
  const KeyPair& who = OneIn(3) ? Anybody() : KeyOf(AnyParticipant());
  const AccountId id = AccountOf(who.public_key());
  switch (Below(9)) {
    case 7:
    case 8:
      return Membership(who);
    case 0:
      return Say(who, Transfer{.to = OneIn(9) ? id : OneOf(ids_), .amount = Coins(id)});
    case 1:
      return Say(who, DepositCollateral{Coins(id)});
    case 2:
    case 3: {
      const AccountId developer = AnyDeveloper();
      std::optional<Hash> digest;
      if (OneIn(2)) digest = ApiKeyDigest(AsBytes(OneIn(2) ? "a" : "b"));
      if (OneIn(50)) digest = Hash{};
      return Say(KeyOf(developer), Allow{.ta = AnyParticipant(),
                                         .amount = Coins(developer),
                                         .expires_epoch = AnyEpoch() + Below(3),
                                         .key_digest = digest});
    }
    case 4:
      return Say(who, CommitBeacon{OneIn(5) ? Hash{} : TaggedHash("test/end/1", net_.height())});
    case 5:
    case 6: {
      Register event{.endpoint = std::string(OneIn(9) ? "" : "http://r"), .models = AnyModels()};
      return Say(who, std::move(event));
    }
  }
}

// Who leaves comes back, mostly, so that there is always somebody; Account registers.
void Chaos::Membership(const KeyPair& who) {
  const auto participant = FindParticipant(net_.view(), AccountOf(who.public_key()));
  switch (Below(6)) {
    case 0:
      return OneIn(3) ? Say(who, Leave{}) : void();
    case 5:
      return Say(who, Maintain{.from_height = net_.height() + Below(OneIn(20) ? 3'000 : 30),
                               .blocks = static_cast<uint32_t>(OneIn(5) ? 0 : Below(32))});
    case 1:
    case 2: {
      const uint64_t least = ReadParams(net_.view()).money.collateral_min.units();
      const uint64_t have = participant ? participant->collateral.units() : 0;
      uint64_t amount = Below(1'000);
      if (OneIn(4)) amount = have - std::min(have, least) + Below(2);
      if (OneIn(6)) amount = have + Below(2);
      return Say(who, WithdrawCollateral{Amount(amount)});
    }
    default: {
      Update event;
      if (OneIn(2)) event.endpoint = std::string(OneIn(9) ? "" : "http://u");
      if (OneIn(2)) event.models = AnyModels();
      return Say(who, std::move(event));
    }
  }
}

// Few warm keys, so that they are taken, revoked and taken again.
void Chaos::WarmKey() {
  const AccountId id = AccountOf(Warm().public_key());
  const KeyPair& cold = OneIn(2) ? KeyOf(AnyParticipant()) : KeyOf(AnyDeveloper());
  if (OneIn(4)) return Say(cold, Revoke{id});
  Delegate event{.key = OneIn(30) ? AccountOf(cold.public_key()) : id,
                 .events = OneIn(2) ? NodeEvents() : EventBit<Transfer>(),
                 .speaks = OneIn(2),
                 .orders = OneIn(2),
                 .cap = Amount(Below(3'000)),
                 .expires_height = net_.height() + Below(60),
                 .replaces = {}};
  if (OneIn(5)) event.events = 0;
  if (OneIn(30)) event.events = EventBit<Revoke>() << Below(6);
  if (OneIn(30)) event.expires_height -= std::min<uint64_t>(event.expires_height, Below(90));
  if (OneIn(6)) event.replaces = AccountOf(Warm().public_key());
  Say(cold, event);
}

Change Chaos::AnyChange() {
  switch (Below(8)) {
    case 0:
      return ChangeRules{.version = static_cast<uint32_t>(Below(4))};
    case 1:
    case 2: {
      ModelInfo model = Model(1 + Below(5), Amount(Below(8)), OneIn(2) ? Below(300) : 0);
      if (OneIn(6)) model.name = "model1";
      if (OneIn(6)) model.price_floor = Amount(Below(6));
      if (OneIn(6)) model.price_ceiling = Amount(Below(12));
      if (OneIn(9)) model.top_k = static_cast<uint32_t>(Below(22));
      if (OneIn(9)) model.sprint_weight = 1'000'000'000 + static_cast<uint32_t>(Below(2));
      return RegisterModel{std::move(model)};
    }
    default: {
      ChangeParams change;
      for (size_t count = Below(3) + !OneIn(12); count > 0; --count) {
        const Moves& move = kMoves[Below(std::size(kMoves))];
        const auto width = static_cast<size_t>(move.most - move.least + 1);
        change.changes.push_back({.name = Text<64>(move.name),
                                  .value = move.least + static_cast<int64_t>(Below(width))});
      }
      if (OneIn(4)) {  // The three parts of a fee sum to one.
        const auto ta = static_cast<int64_t>(Below(200'000));
        change.changes = {{.name = std::string("money.fee_ta"), .value = ta},
                          {.name = std::string("money.fee_validators"), .value = 200'000 - ta},
                          {.name = std::string("money.fee_executor"), .value = 800'000}};
      }
      return change;
    }
  }
}

void Chaos::Govern() {
  const uint64_t made = net_.chain().proposals;
  if (OneIn(4) || made == 0) {
    return Say(Anybody(), Propose{.change = AnyChange(),
                                  .activate_height = net_.height() + 20 + Below(60),
                                  .reason = std::string("because")});
  }
  const uint64_t number = made - 1 - Below(std::min<uint64_t>(made, 4)) + (OneIn(20) ? 3 : 0);
  // A version of the rules that nobody knows would end the story.
  const auto proposal = FindProposal(net_.view(), number);
  const bool harmless = proposal && !std::holds_alternative<ChangeRules>(proposal->change);
  const bool approve = harmless && !OneIn(6);
  Say(KeyOf(AnyParticipant()), VoteProposal{.proposal = number, .approve = approve});
}

void Chaos::Say(const KeyPair& who, Event event) {
  sent_.insert(event.index());
  const AccountId id = AccountOf(who.public_key());
  if (OneIn(200)) event = Challenge{InferenceId{}};
  if (OneIn(4)) return batches_[id].push_back(std::move(event));
  if (OneIn(7)) {
    const KeyPair warm = WarmOf(id, /*orders=*/false);
    const auto delegation = FindDelegation(net_.view(), AccountOf(warm.public_key()));
    const bool acts = delegation && delegation->account == id;
    if (acts || OneIn(8)) return Send(warm, {std::move(event)}, id);
  }
  if (OneIn(25)) return Send(Anybody(), {std::move(event)});
  if (OneIn(40)) return Send(who, {event, event});
  Send(who, {std::move(event)});
}

uint64_t Chaos::NextSequence(const AccountId& id) {
  uint64_t& next = sequences_[id];
  if (!OneIn(40)) return next++;
  switch (Below(5)) {
    case 0:
      return next - std::min<uint64_t>(next, 1 + Below(4));
    case 1:
      return next + 2'049 + Below(2'000);
    case 2: {
      const auto account = FindAccount(net_.view(), id);
      const uint64_t used = (account ? account->window.base : 0) + 1'020 + Below(1'030);
      next = std::max(next, used + 1);
      return used;
    }
    default: {
      const uint64_t used = next + 1 + Below(5);
      next = used + 1;
      return used;
    }
  }
}

void Chaos::Send(const KeyPair& who, std::vector<Event> events, std::optional<AccountId> acts_for) {
  const AccountId id = AccountOf(who.public_key());
  // The network knows the proposer's links.
  if (acts_for.value_or(id) == net_.id(0)) {
    std::erase_if(events, [](const Event& e) { return std::holds_alternative<CommitBeacon>(e); });
  }
  NetworkId network = net_.chain().network;
  if (OneIn(300)) network = NetworkId{TaggedHash("test/network/1", uint64_t{1})};
  if (OneIn(300)) acts_for = id;
  SignedTx tx = SignTx(who, network, NextSequence(id), std::move(events), acts_for);
  if (OneIn(100)) replays_.push_back(tx);
  events_ += tx.events.size();
  net_.SendTx(std::move(tx));
}

void Chaos::SendBatches() {
  if (OneIn(2)) return;
  for (auto& [id, events] : batches_) Send(KeyOf(id), std::move(events));
  batches_.clear();
  if (OneIn(20)) Send(Anybody(), {});
  if (replays_.empty() || !OneIn(4)) return;
  events_ += replays_.back().events.size();
  net_.SendTx(std::move(replays_.back()));
  replays_.pop_back();
}

BlockHeader Chaos::SpoiltHeader() {
  BlockHeader header = net_.NextHeader();
  switch (Below(7)) {
    case 0:
      header.network = NetworkId{};
      break;
    case 1:
      header.height += Below(2) == 0 ? 1 : ~uint64_t{0};
      break;
    case 2:
      header.time_us = net_.chain().time_us;
      break;
    case 3:
      header.app_hash = Hash{};
      break;
    case 4:
      header.link = TaggedHash("test/link/1", header.height);
      break;
    case 5:
      header.proposer = net_.developer_id(0);
      header.link = net_.next_link();
      break;
    default:
      header.proposer = net_.id(net_.size() - 1);
      header.link = net_.next_link();
  }
  return header;
}

void Chaos::MakeBlock() {
  SendBatches();
  if (OneIn(60)) net_.TryBlock(SpoiltHeader());
  BlockHeader header = net_.NextHeader();
  // The proposer withholds a link, or reveals one that nobody waits for.
  if (OneIn(30)) header.link = header.link ? std::nullopt : std::optional(net_.next_link());
  REQUIRE(net_.TryBlock(header));
  for (const Receipt& receipt : net_.last().receipts) codes_.insert(receipt.code);
}

}  // namespace gonka::ledger
