#include "devnet/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "gonka/consensus/beacon_chain.h"
#include "gonka/crypto/key_file.h"
#include "gonka/host/files.h"
#include "gonka/host/system.h"
#include "gonka/model/checkpoint.h"
#include "gonka/model/manifest.h"
#include "gonka/net/participant_node.h"
#include "gonka/protocol/sprint.h"

namespace gonka::devnet {
namespace {

constexpr uint64_t kHonestWeight = 100;
// So that a third of the records are the cheater's and a hearing finds sixteen in one epoch.
constexpr uint64_t kCheaterWeight = 200;
constexpr uint64_t kCollateral = 50'000'000;
constexpr uint64_t kDeveloperBalance = 100'000'000;
constexpr uint64_t kPrice = 1'000;
constexpr uint64_t kEmission = 6'000'000;
constexpr Amount kProposalDeposit{1'000'000};

struct CheatInfo {
  Cheat cheat;
  const char* name;
  const char* story;
};
constexpr std::array<CheatInfo, 5> kCheats = {{
    {Cheat::kNone, "none", "everybody is honest"},
    {Cheat::kInt4, "int4",
     "runs a 4-bit copy of the model (groups of 128) and claims the original"},
    {Cheat::kSmall, "small", "leaves out every third layer and claims the whole model"},
    {Cheat::kForge, "forge",
     "lets a model without every third layer write, then has the right model prefill the artifact"},
    {Cheat::kTamper, "tamper", "delivers another text than the one it commits to"},
}};

// Any order would do for us, but the record wants one.
template <class T, class KeyOf>
void SortBy(T& list, KeyOf key_of) {
  std::sort(list.begin(), list.end(),
            [&](const auto& a, const auto& b) { return key_of(a) < key_of(b); });
}

// Ten seconds of work at the end of each epoch; some blocks to spare, in case one has no link.
SprintParams DevnetSprint(const NetworkOptions& options) {
  SprintParams sprint{.window_blocks = 10'000 / options.block_interval_ms,
                      .check_blocks = 6'000 / options.block_interval_ms,
                      .reveal_blocks = 3'000 / options.block_interval_ms,
                      .input_tokens = 64,
                      .positions = 8,
                      .samples = 6,
                      .checkers = 2};
  sprint.lead_blocks = static_cast<uint32_t>(SprintBlocks(sprint)) + 10;
  return sprint;
}

Params DevnetParams(const NetworkOptions& options) {
  Params params;
  params.time = {.epoch_blocks = options.epoch_blocks,
                 .settle_blocks = options.settle_blocks,
                 // Longer than what a killed sequencer forgot takes to come again.
                 .grace_blocks = 10'000 / options.block_interval_ms,
                 .check_window_blocks = 5'000 / options.block_interval_ms,
                 .vote_window_blocks = 6'000 / options.block_interval_ms,
                 .hearing_window_blocks = 30'000 / options.block_interval_ms,
                 .expiry_base_blocks = 20'000 / options.block_interval_ms,
                 .expiry_tokens_per_block = 1,
                 .retained_epochs = 8};
  params.reputation.miss_sample_min = 5;
  params.money.emission_initial = Amount(kEmission);
  params.money.collateral_min = Amount(kCollateral / 10);
  params.money.accusation_bond = Amount(kCollateral / 50);
  params.money.challenge_bond = Amount(kCollateral / 1'000);
  params.money.refused_event_fee = Amount(kCollateral / 10'000'000);
  params.money.newcomer_weight = kHonestWeight;
  // A proposal can be made, voted on and watched at work within two epochs.
  params.governance.vote_blocks = std::max(options.epoch_blocks / 3, 1u);
  params.governance.notice_blocks = 0;
  params.governance.deposit = kProposalDeposit;
  params.block_interval_ms = options.block_interval_ms;
  if (options.sprint) params.sprint = DevnetSprint(options);
  return params;
}

absl::StatusOr<ModelInfo> DescribeModel(const NetworkOptions& options) {
  GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(options.model));
  GONKA_ASSIGN_OR_RETURN(const Hash manifest, model::ManifestHash(*checkpoint));
  ModelInfo info{.id = ModelId{manifest},
                 .name = Text<128>(options.model_name),
                 .price = Amount(kPrice),
                 .context = checkpoint->config().context,
                 .top_k = 4,
                 .calibration = {}};
  if (!options.calibration.empty()) {
    GONKA_ASSIGN_OR_RETURN(const std::string bytes, host::ReadFile(options.calibration));
    info.calibration = Blob<65'536>(ToBytes(AsBytes(bytes)));
  }
  return info;
}

}  // namespace

std::optional<Cheat> ParseCheat(const std::string& name) {
  for (const CheatInfo& info : kCheats) {
    if (name == info.name) return info.cheat;
  }
  return std::nullopt;
}

const char* CheatName(Cheat cheat) {
  return kCheats[static_cast<size_t>(cheat)].name;
}
const char* CheatStory(Cheat cheat) {
  return kCheats[static_cast<size_t>(cheat)].story;
}

std::string ParticipantPlan::url() const {
  return fmt::format("http://127.0.0.1:{}", port);
}

absl::StatusOr<std::unique_ptr<Network>> Network::Create(const NetworkOptions& options) {
  std::unique_ptr<Network> network(new Network(options));
  GONKA_RETURN_IF_ERROR(host::MakeDirectory(options.data));
  GONKA_RETURN_IF_ERROR(network->PlanParticipants());
  GONKA_RETURN_IF_ERROR(network->PlanDevelopers());
  GONKA_RETURN_IF_ERROR(network->WriteGenesis());
  return network;
}

// All at once, so that nobody waits for somebody who has not been told yet.
Network::~Network() {
  for (const auto& process : processes_) process->Terminate();
}

absl::StatusOr<KeyPair> Network::KeyAt(const std::string& path) {
  if (std::filesystem::exists(path)) return ReadKeyFile(path);
  host::SystemEntropy entropy;
  KeyPair key = KeyPair::Generate(entropy);
  GONKA_RETURN_IF_ERROR(WriteKeyFile(path, key));
  return key;
}

absl::Status Network::PlanParticipants() {
  uint16_t ml_port = static_cast<uint16_t>(options_.port_base + 100);
  for (uint32_t i = 0; i < options_.participants; ++i) {
    const std::string name = fmt::format("participant-{}", i);
    const std::string directory = fmt::format("{}/{}", options_.data, name);
    GONKA_RETURN_IF_ERROR(host::MakeDirectory(directory));
    GONKA_ASSIGN_OR_RETURN(const KeyPair key, KeyAt(directory + "/key"));
    // The last one cheats; the first one orders blocks; the second one has two ML nodes.
    const bool cheats = options_.cheat != Cheat::kNone && i + 1 == options_.participants;
    ParticipantPlan plan{.name = name,
                         .key = key,
                         .weight = cheats ? kCheaterWeight : kHonestWeight,
                         .port = static_cast<uint16_t>(options_.port_base + i),
                         .ml_ports = {ml_port++},
                         .cheat = cheats ? options_.cheat : Cheat::kNone,
                         .directory = directory};
    if (i == 1) plan.ml_ports.push_back(ml_port++);
    participants_.push_back(std::move(plan));
  }
  return absl::OkStatus();
}

absl::Status Network::PlanDevelopers() {
  static constexpr const char* kNames[] = {"alice", "bob", "carol", "dave", "erin"};
  GONKA_RETURN_IF_ERROR(host::MakeDirectory(options_.data + "/developers"));
  for (uint32_t i = 0; i < options_.developers; ++i) {
    const std::string name = kNames[i % std::size(kNames)];
    const std::string path = fmt::format("{}/developers/{}.key", options_.data, name);
    GONKA_ASSIGN_OR_RETURN(const KeyPair key, KeyAt(path));
    developers_.push_back({.name = name,
                           .key = key,
                           .balance = Amount(kDeveloperBalance),
                           .ta = i % (options_.participants - 1),
                           .key_path = path});
  }
  return absl::OkStatus();
}

absl::Status Network::WriteGenesis() {
  genesis_path_ = options_.data + "/genesis";
  if (std::filesystem::exists(genesis_path_)) {
    GONKA_ASSIGN_OR_RETURN(const std::string bytes, host::ReadFile(genesis_path_));
    GONKA_ASSIGN_OR_RETURN(genesis_, Decode<Genesis>(AsBytes(bytes)));
    return absl::OkStatus();
  }
  GONKA_ASSIGN_OR_RETURN(const ModelInfo model, DescribeModel(options_));
  host::SystemClock clock;
  genesis_.name = Text<64>("devnet");
  genesis_.time_us = static_cast<uint64_t>(clock.UnixUs());
  genesis_.params = DevnetParams(options_);
  genesis_.models.push_back(model);
  for (const ParticipantPlan& plan : participants_) {
    genesis_.participants.push_back(
        {.id = plan.id(),
         .endpoint = Text<256>(plan.url()),
         .weight = plan.weight,
         .models = {{model.id}},
         .beacon_chain_end = consensus::BeaconChain(net::BeaconSeed(plan.key)).End(0),
         .collateral = Amount(kCollateral)});
    // For the fees of nothing: participants pay for no transaction. A newcomer's test spends it.
    genesis_.accounts.push_back({.id = plan.id(), .balance = Amount(kCollateral)});
  }
  for (const DeveloperPlan& plan : developers_) {
    genesis_.accounts.push_back({.id = plan.id(), .balance = plan.balance});
  }
  genesis_.sequencer = participants_.front().id();
  SortBy(genesis_.participants, [](const auto& p) { return p.id; });
  SortBy(genesis_.accounts, [](const auto& a) { return a.id; });
  GONKA_RETURN_IF_ERROR(CheckGenesis(genesis_));
  return host::WriteFileAtomic(genesis_path_, Encode(genesis_));
}

std::optional<size_t> Network::cheater() const {
  for (size_t i = 0; i < participants_.size(); ++i) {
    if (participants_[i].cheat != Cheat::kNone) return i;
  }
  return std::nullopt;
}

absl::Status Network::StartAll() {
  for (const ParticipantPlan& plan : participants_) GONKA_RETURN_IF_ERROR(StartParticipant(plan));
  return absl::OkStatus();
}

absl::Status Network::StartParticipant(const ParticipantPlan& plan) {
  for (size_t i = 0; i < plan.ml_ports.size(); ++i) GONKA_RETURN_IF_ERROR(StartMlNode(plan, i));
  return StartNode(plan);
}

absl::Status Network::StartMlNode(const ParticipantPlan& plan, size_t index) {
  // What the network node says is honest in these three: the ML node behind it is not.
  const bool cheats =
      plan.cheat == Cheat::kInt4 || plan.cheat == Cheat::kSmall || plan.cheat == Cheat::kForge;
  const std::string name = fmt::format("{}-mlnode-{}", plan.name, index);
  std::vector<std::string> argv = {
      options_.programs + (cheats ? "/gonka-devnet-cheat-mlnode" : "/gonka-mlnode"),
      "--model",
      options_.model,
      "--listen",
      fmt::format("127.0.0.1:{}", plan.ml_ports[index]),
      "--threads",
      std::to_string(options_.ml_threads),
      "--manifest-cache",
      options_.data + "/manifests"};
  if (cheats) {
    argv.push_back("--cheat");
    argv.push_back(CheatName(plan.cheat));
  }
  GONKA_ASSIGN_OR_RETURN(
      auto process,
      Process::Start(name, argv, fmt::format("{}/mlnode-{}.log", plan.directory, index)));
  processes_.push_back(std::move(process));
  return absl::OkStatus();
}

absl::Status Network::StartNode(const ParticipantPlan& plan) {
  const bool cheats = plan.cheat == Cheat::kTamper;
  std::vector<std::string> argv = {
      options_.programs + (cheats ? "/gonka-devnet-cheat-gonkad" : "/gonkad"),
      "--data",
      plan.directory,
      "--genesis",
      genesis_path_,
      "--key",
      plan.directory + "/key",
      "--listen",
      fmt::format("127.0.0.1:{}", plan.port),
      "--model",
      options_.model,
      "--allow-private"};
  for (const uint16_t port : plan.ml_ports) {
    argv.push_back("--ml-node");
    argv.push_back(fmt::format("http://127.0.0.1:{}", port));
  }
  GONKA_ASSIGN_OR_RETURN(auto process,
                         Process::Start(plan.name, argv, plan.directory + "/gonkad.log"));
  processes_.push_back(std::move(process));
  return absl::OkStatus();
}

absl::Status Network::CheckAlive() {
  for (const auto& process : processes_) {
    const std::string ended = process->Ended();
    if (ended.empty()) continue;
    return absl::UnavailableError(fmt::format("{} {}; its log ({}) ends with:\n{}", process->name(),
                                              ended, process->log_path(), process->LogTail(10)));
  }
  return absl::OkStatus();
}

}  // namespace gonka::devnet
