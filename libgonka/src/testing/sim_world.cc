#include "gonka/testing/sim_world.h"

#include <fmt/format.h>

#include <algorithm>

#include "testing/sim_genesis.h"
#include "testing/sim_state.h"

namespace gonka::testing {
namespace {

constexpr int64_t kSetUpUsMax = SimWorld::kMinuteUs;
constexpr size_t kDetoursMax = 64;

std::vector<Conduct> ConductOf(const SimOptions& options, size_t place) {
  const auto found = options.conduct.find(place);
  return found == options.conduct.end() ? std::vector<Conduct>{} : found->second;
}

}  // namespace

SimWorld::SimWorld(SimOptions options) : state_(std::make_unique<State>(std::move(options))) {
  State& state = *state_;
  GONKA_CHECK(state.options.participants >= 1);
  for (const auto& [place, conduct] : state.options.conduct) {
    GONKA_CHECK(place < state.options.participants + state.options.newcomers);
    for (const Conduct& one : conduct) {
      if (const auto known = MakeStrategy(one.strategy); !known.ok()) {
        state.Abort(ToString(known.status()));
      }
    }
  }
  state.sequences.resize(state.developers.size());
  const std::vector<KeyPair> keys =
      KeysOf(state.options, "participant", state.options.participants);
  state.genesis = GenesisOf(state.options, keys, state.newcomers, state.developers);
  const absl::Status genesis = CheckGenesis(state.genesis);
  if (!genesis.ok()) state.Abort(ToString(genesis));
  const auto add = [&](const KeyPair& key) {
    const size_t place = state.nodes.size();
    const SimCommon common{
        .options = state.options,
        .genesis = state.genesis,
        .clock = state.clock,
        .network = state.network,
        .on_block = [&state](size_t from, const auto& block) { state.OnBlock(from, block); },
        .participant = [&state](size_t other) { return state.nodes.at(other)->id(); },
        .sequencers_ledger = [&state] { return state.first().Snapshot(); }};
    state.nodes.push_back(
        std::make_unique<SimNode>(common, place, key, ConductOf(state.options, place)));
  };
  for (const KeyPair& key : keys) add(key);
  for (const KeyPair& key : state.newcomers) add(key);
  for (size_t i = 0; i < state.options.participants; ++i) state.nodes[i]->Start();
  state.SendAllowances(*this);
  if (!RunUntil([&] { return state.AllowancesReady(); }, kSetUpUsMax)) {
    state.Abort("the allowances cannot be used");
  }
  state.MakeHabits(*this);
}

// All nodes first lose their processes: nothing of one may speak to another that is gone.
SimWorld::~SimWorld() {
  for (const auto& node : state_->nodes) node->Crash();
}

int64_t SimWorld::now_us() const {
  return state_->clock.now_us();
}

bool SimWorld::RunUntil(const std::function<bool()>& condition, int64_t at_most_us) {
  SimClock& clock = state_->clock;
  const int64_t end = clock.now_us() + at_most_us;
  while (!condition()) {
    if (!clock.HasEventUntil(end)) {
      clock.AdvanceTo(end);
      return condition();
    }
    clock.RunNext();
  }
  return true;
}

void SimWorld::RunFor(int64_t us) {
  SimClock& clock = state_->clock;
  const int64_t end = clock.now_us() + us;
  while (clock.HasEventUntil(end)) clock.RunNext();
  clock.AdvanceTo(end);
}

void SimWorld::RunBlocks(uint64_t blocks) {
  const uint64_t end = height() + blocks;
  const auto count = static_cast<int64_t>(blocks);
  const int64_t interval_us = int64_t{state_->options.params.block_interval_ms} * 1'000;
  const int64_t at_most_us = 10 * kMinuteUs + 10 * count * interval_us;
  if (!RunUntil([&] { return height() >= end; }, at_most_us)) {
    state_->Abort(fmt::format("nobody makes block {}", end));
  }
}

void SimWorld::RunToEpoch(uint64_t wanted) {
  while (epoch() < wanted) RunBlocks(1);
}

void SimWorld::RunToSettlementOf(uint64_t wanted) {
  while (ledger::ReadChain(*Ledger()).epoch_settled <= wanted) RunBlocks(1);
}

size_t SimWorld::Post(const std::string& prompt, const AskOptions& options) {
  const size_t number = state_->requests.size();
  SimRequest& request = state_->requests.emplace_back();
  request.developer = options.developer;
  request.ta = options.ta.value_or(0);
  while (!options.ta) {  // Drawn among those that are up.
    request.ta = state_->random.Below(participants());
    if (IsRunning(request.ta)) break;
  }
  node::ClientRequest client{.developer = developer(options.developer),
                             .model = state_->genesis.models[0].id,
                             .request = {}};
  client.request.kind = RequestKind::kCompletion;
  client.request.prompt = prompt;
  client.request.tokens_max = options.tokens_max;
  client.request.seed = options.seed;
  for (const std::string& stop : options.stop) client.request.stop.push_back(stop);
  State* state = state_.get();
  request.ticket =
      NodeOf(request.ta)
          .transfer_agent()
          .OnRequest(std::move(client),
                     {.on_accepted =
                          [this, state, number](const InferenceId& id, const AccountId& executor,
                                                uint8_t, uint32_t) {
                            state->requests[number].accepted = id;
                            state->requests[number].executor = PlaceOf(executor);
                          },
                      .on_tokens =
                          [state, number](std::span<const node::ProducedToken> tokens) {
                            for (const auto& token : tokens)
                              state->requests[number].tokens.push_back(token.id);
                          },
                      .on_done =
                          [state, number](absl::StatusOr<node::Answer> answer) {
                            state->requests[number].answer = std::move(answer);
                          }});
  return number;
}

// A developer and transfer agent whose next request number the ledger draws this executor for.
std::optional<AskOptions> SimWorld::State::Towards(const SimWorld& world, size_t executor,
                                                   const AskOptions& wanted) const {
  for (size_t ta = 0; ta < options.participants; ++ta) {
    if (ta == executor || !nodes[ta]->running() || (wanted.ta && *wanted.ta != ta)) continue;
    if (world.NextExecutor(wanted.developer, ta) != executor) continue;
    AskOptions found = wanted;
    found.ta = ta;
    found.executor.reset();
    return found;
  }
  return std::nullopt;
}

InferenceId SimWorld::Ask(const std::string& prompt, const AskOptions& options) {
  if (options.executor) {
    for (size_t i = 0; i < kDetoursMax; ++i) {
      RunBlocks(2);  // The transfer agents' numbers are on the ledger then.
      if (const auto found = state_->Towards(*this, *options.executor, options)) {
        const InferenceId id = Ask(prompt, *found);
        if (ExecutorOf(id) == *options.executor) return id;
        continue;
      }
      for (size_t ta = 0; ta < state_->options.participants; ++ta) {
        if (ta == *options.executor || !state_->nodes[ta]->running()) continue;
        if (options.ta && *options.ta != ta) continue;
        Post("detour", {.developer = options.developer, .ta = ta, .tokens_max = 1});
      }
    }
    state_->Abort(fmt::format("the ledger never draws executor {}", *options.executor));
  }
  const size_t number = Post(prompt, options);
  RunUntil([&] { return request(number).accepted || request(number).answer; });
  if (!request(number).accepted) {
    state_->Abort(fmt::format(
        "'{}' was not accepted: {}", prompt,
        request(number).answer ? ToString(request(number).answer->status()) : "no answer"));
  }
  return *request(number).accepted;
}

const SimRequest& SimWorld::request(size_t number) const {
  return state_->requests.at(number);
}

size_t SimWorld::requests() const {
  return state_->requests.size();
}

const SimRequest& SimWorld::RequestOf(const InferenceId& inference) const {
  for (const SimRequest& request : state_->requests) {
    if (request.accepted == inference) return request;
  }
  state_->Abort(fmt::format("nobody asked for {}", Hex(inference)));
}

void SimWorld::HangUp(const InferenceId& inference) {
  const SimRequest& request = RequestOf(inference);
  NodeOf(request.ta).transfer_agent().Cancel(request.ticket);
}

const absl::StatusOr<node::Answer>& SimWorld::AnswerTo(const InferenceId& inference) {
  if (!RunUntil([&] { return RequestOf(inference).answer.has_value(); })) {
    state_->Abort(fmt::format("{} is never answered", Hex(inference)));
  }
  return *RequestOf(inference).answer;
}

size_t SimWorld::participants() const {
  return state_->options.participants + state_->joined;
}
size_t SimWorld::sequencer() const {
  return state_->sequencer();
}
AccountId SimWorld::participant(size_t place) const {
  return state_->nodes.at(place)->id();
}
AccountId SimWorld::developer(size_t place) const {
  return AccountOf(state_->developers.at(place).public_key());
}

size_t SimWorld::PlaceOf(const AccountId& participant) const {
  for (size_t i = 0; i < state_->nodes.size(); ++i) {
    if (state_->nodes[i]->id() == participant) return i;
  }
  state_->Abort(fmt::format("{} is no participant", Hex(participant)));
}

size_t SimWorld::ExecutorOf(const InferenceId& inference) const {
  return RequestOf(inference).executor;
}
size_t SimWorld::TransferAgentOf(const InferenceId& inference) const {
  return RequestOf(inference).ta;
}

std::vector<size_t> SimWorld::ValidatorsOf(const InferenceId& inference) const {
  const auto view = Ledger();
  const auto record = ledger::FindRecord(*view, inference);
  std::vector<size_t> places;
  if (!record) return places;
  for (const AccountId& id : ledger::ValidatorOrder(*view, *record)) places.push_back(PlaceOf(id));
  return places;
}

void SimWorld::Crash(size_t participant) {
  state_->nodes.at(participant)->Crash();
}
void SimWorld::LosePower(size_t participant) {
  // What it has given away as the one history must be there afterwards: it syncs every block.
  GONKA_CHECK(participant != sequencer() || state_->options.sync_every == 1);
  GONKA_CHECK(!state_->options.one_ledger);
  state_->nodes.at(participant)->LosePower();
}
bool SimWorld::IsRunning(size_t participant) const {
  return state_->nodes.at(participant)->running();
}
void SimWorld::FillDisk(size_t participant) {
  state_->nodes.at(participant)->SetDiskFull(true);
}
void SimWorld::FreeDisk(size_t participant) {
  state_->nodes.at(participant)->SetDiskFull(false);
}
void SimWorld::SetPace(size_t participant, const SimPace& pace) {
  state_->nodes.at(participant)->SetPace(pace);
}
void SimWorld::Partition(const std::vector<std::vector<size_t>>& groups) {
  std::map<Hash, uint32_t> group_of;
  for (size_t i = 0; i < groups.size(); ++i) {
    for (const size_t place : groups[i]) {
      group_of[participant(place).value] = static_cast<uint32_t>(i + 1);
    }
  }
  state_->network.Partition(std::move(group_of));
}
void SimWorld::Restart(size_t participant) {
  state_->nodes.at(participant)->Start();
}
void SimWorld::Cut(size_t participant) {
  state_->network.Cut(this->participant(participant).value);
}
void SimWorld::Heal(size_t participant) {
  state_->network.Heal(this->participant(participant).value);
}
void SimWorld::SetLinks(const LinkOptions& links) {
  state_->network.SetLinks(links);
}
void SimWorld::SetConduct(size_t participant, std::vector<Conduct> conduct) {
  state_->nodes.at(participant)->SetConduct(std::move(conduct));
}
void SimWorld::LoseTxs(size_t participant, size_t count) {
  state_->nodes.at(participant)->LoseTxs(count);
}

AccountId SimWorld::GoWarm(size_t participant) {
  SimNode& node = *state_->nodes.at(participant);
  GONKA_CHECK(node.running() && participant != sequencer());
  const KeyPair warm = KeyPair::FromSeed(TaggedHash("gonka/sim-warm-key/1", node.id(), height()));
  const AccountId id = AccountOf(warm.public_key());
  node.services().recorder().Add(Delegate{.key = id,
                                          .events = NodeEvents(),
                                          .speaks = true,
                                          .orders = false,
                                          .cap = {},
                                          .expires_height = height() + 1'000'000,
                                          .replaces = {}});
  const bool done =
      RunUntil([&] { return ledger::AccountBehind(*LedgerOf(participant), id) == node.id(); });
  GONKA_CHECK(done);
  node.Crash();
  node.UseKey(warm);
  node.Start();
  return id;
}

size_t SimWorld::Join() {
  GONKA_CHECK(participants() < state_->nodes.size());
  const size_t place = participants();
  ++state_->joined;
  SimNode& node = *state_->nodes[place];
  node.Start();
  node.services().recorder().Add(Register{.endpoint = std::string("http://simulated"),
                                          .models = {state_->genesis.models[0].id}});
  return place;
}

std::optional<size_t> SimWorld::NextExecutor(size_t developer, size_t ta) const {
  const auto view = Ledger();
  const AccountId asks = this->developer(developer);
  const auto allowance = ledger::FindAllowance(*view, participant(ta), asks);
  if (!allowance) return std::nullopt;
  const auto drawn =
      ledger::DrawExecutor(*view, ledger::ReadChain(*view).epoch, state_->genesis.models[0].id,
                           asks, participant(ta), allowance->sequence_base, 0);
  const AccountId* account = std::get_if<AccountId>(&drawn);
  return account == nullptr ? std::nullopt : std::optional(PlaceOf(*account));
}

Event SimWorld::AllowOf(size_t developer, size_t ta, Amount amount) const {
  return Allow{.ta = participant(ta),
               .amount = amount,
               .expires_epoch = 1'000,
               .key_digest = ApiKeyDigest(state_->developers.at(developer).public_key().span())};
}

void SimWorld::Speak(size_t participant, Event event) {
  NodeOf(participant).recorder().Add(std::move(event));
}

TxCode SimWorld::Submit(size_t developer, Event event) {
  return state_->Submit(state_->SignFor(developer, std::move(event)));
}

TxCode SimWorld::Say(size_t developer, Event event) {
  const SignedTx tx = state_->SignFor(developer, std::move(event));
  const TxCode admitted = state_->Submit(tx);
  if (admitted != TxCode::kOk) return admitted;
  const TxHash hash = HashOf(tx);
  state_->codes[hash] = TxCode::kTxCodeEnd;
  if (!RunUntil([&] { return state_->codes[hash] != TxCode::kTxCodeEnd; })) {
    state_->Abort(fmt::format("the transaction of developer {} gets into no block", developer));
  }
  return state_->codes[hash];
}

std::shared_ptr<const ledger::View> SimWorld::LedgerOf(size_t participant) const {
  return state_->nodes.at(participant)->Snapshot();
}
std::shared_ptr<const ledger::View> SimWorld::Ledger() const {
  return LedgerOf(sequencer());
}
uint64_t SimWorld::height() const {
  return state_->first().Snapshot()->height();
}
uint64_t SimWorld::epoch() const {
  return ledger::ReadChain(*Ledger()).epoch;
}

ledger::InferenceRecord SimWorld::Record(const InferenceId& inference) const {
  return ledger::FindRecord(*Ledger(), inference).value_or(ledger::InferenceRecord{});
}

Amount SimWorld::Balance(const AccountId& account) const {
  const auto view = Ledger();
  const auto found = ledger::FindAccount(*view, account);
  Amount sum = found ? found->balance : Amount(0);
  for (const auto& [ta, about] : ledger::ListParticipants(*view)) {
    const auto allowance = ledger::FindAllowance(*view, ta, account);
    if (allowance) sum += allowance->available;
  }
  return sum;
}
Amount SimWorld::initial_balance() const {
  return state_->options.balance;
}
const std::vector<Notice>& SimWorld::notices() const {
  return state_->notices;
}
const std::vector<TxCode>& SimWorld::refusals() const {
  return state_->refusals;
}

absl::StatusOr<std::vector<Bytes>> SimWorld::Call(size_t from, size_t to, const std::string& method,
                                                  const Bytes& request) {
  struct Heard {
    std::vector<Bytes> frames;
    std::optional<absl::Status> done;
  };
  const auto heard = std::make_shared<Heard>();
  state_->nodes.at(from)->transport().Call(
      {.id = participant(to).value, .url = "http://simulated"}, method, request,
      {.on_frame = [heard](Bytes frame) { heard->frames.push_back(std::move(frame)); },
       .on_done = [heard](absl::Status status) { heard->done = std::move(status); }},
      {});
  RunUntil([&] { return heard->done.has_value(); });
  GONKA_CHECK(heard->done.has_value());
  if (!heard->done->ok()) return *heard->done;
  return heard->frames;
}

node::Node& SimWorld::NodeOf(size_t participant) {
  GONKA_CHECK(state_->nodes.at(participant)->running());
  return state_->nodes[participant]->services();
}

int64_t SimWorld::MachineUs(size_t participant) const {
  return state_->nodes.at(participant)->machine_us();
}

bool SimWorld::Keeps(size_t participant, const InferenceId& inference) const {
  return state_->nodes.at(participant)->keep().Get(inference).has_value();
}

std::string SimWorld::Log() const {
  std::vector<std::string> lines;
  for (const auto& node : state_->nodes) {
    lines.insert(lines.end(), node->log().lines().begin(), node->log().lines().end());
  }
  std::sort(lines.begin(), lines.end());  // They begin with the time.
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

Hash SimWorld::Transcript() const {
  const store::Tip tip = state_->first().Snapshot()->tip();
  return TaggedHash("gonka/sim-world/1", state_->network.transcript(), tip.hash, tip.app_hash);
}

void SimWorld::CheckInvariants() const {
  for (size_t i = 0; i < state_->nodes.size(); ++i) {
    const auto view = LedgerOf(i);
    const absl::Status status = ledger::CheckInvariants(*view);
    if (!status.ok()) state_->Abort(fmt::format("node {}: {}", i, ToString(status)));
    const store::Tip tip = state_->nodes[i]->Snapshot()->tip();
    const auto agreed = state_->app_hashes.find(tip.height);
    if (agreed != state_->app_hashes.end() && agreed->second != tip.app_hash) {
      state_->Abort(fmt::format("node {} disagrees at height {}", i, tip.height));
    }
  }
}

}  // namespace gonka::testing
