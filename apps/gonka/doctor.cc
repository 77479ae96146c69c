// gonka doctor: what is wrong with a participant's node, and how to mend it.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "common/genesis_file.h"
#include "common/key.h"
#include "common/network_node.h"
#include "gonka/commands.h"
#include "gonka/engine/remote.h"
#include "gonka/host/system.h"
#include "gonka/model/checkpoint.h"
#include "gonka/model/manifest.h"

namespace gonka::cli {
namespace {

constexpr uint64_t kDiskMin = uint64_t{1} << 30;
constexpr int64_t kClockMaxUs = 5'000'000;
constexpr uint64_t kBehindMax = 20;  // Blocks.

enum class Finding { kGood, kOdd, kBad };

struct DoctorFlags {
  std::string directory;
};

// Collects findings; each bad one says what to do.
class Doctor {
 public:
  Doctor(const Context& context, std::string directory)
      : context_(context), directory_(std::move(directory)) {}

  absl::Status Run() {
    if (LookAtFiles()) {
      LookAtModels();
      LookAtNode();
      LookAtLedger();
    }
    return Report();
  }

 private:
  void Say(Finding finding, const std::string& what, const std::string& text) {
    findings_.push_back({{"check", what},
                         {"finding", finding == Finding::kGood  ? "good"
                                     : finding == Finding::kOdd ? "odd"
                                                                : "bad"},
                         {"text", text}});
    bad_ += finding == Finding::kBad ? 1 : 0;
  }
  void Good(const std::string& what, const std::string& text) { Say(Finding::kGood, what, text); }
  void Odd(const std::string& what, const std::string& text) { Say(Finding::kOdd, what, text); }
  void Bad(const std::string& what, const std::string& text) { Say(Finding::kBad, what, text); }

  bool LookAtFiles();
  void LookAtDisk();
  void LookAtModels();
  void LookAtMlNode(const std::string& url);
  void LookAtNode();
  void LookAtLedger();
  void LookAtParticipant(const Json& one, uint64_t epoch);
  void LookAtStanding(const NodeApi& api);
  void LookAtEndpoint(const std::string& endpoint);
  absl::Status Report() const;

  const Context& context_;
  const std::string directory_;
  apps::NetworkNodeFlags config_;
  AccountId account_;
  std::string network_;
  std::vector<Hash> manifests_;
  std::vector<Json> findings_;
  int bad_ = 0;
};

bool Doctor::LookAtFiles() {
  const std::string path = directory_ + "/gonkad.toml";
  const auto config = apps::ReadNetworkNodeConfig(path);
  if (!config.ok()) {
    Bad("configuration", Message(config.status()) + "; `gonka init` makes a sound one");
    return false;
  }
  config_ = *config;
  Good("configuration", path);
  const auto key = apps::ReadKey(config_.key);
  if (!key.ok()) {
    Bad("key", Message(key.status()));
    return false;
  }
  account_ = AccountOf(key->public_key());
  if (const auto account = FixedFromHex<32>(config_.account)) account_ = AccountId{*account};
  Good("key", fmt::format("{}: account {}", config_.key, Hex(account_)));
  const auto genesis = apps::ReadGenesisFile(config_.genesis);
  if (!genesis.ok()) {
    Bad("genesis", Message(genesis.status()) + "; `gonka init` fetches it");
    return false;
  }
  network_ = Hex(NetworkIdOf(*genesis));
  Good("genesis",
       fmt::format("network {} ({})", network_, static_cast<const std::string&>(genesis->name)));
  LookAtDisk();
  return true;
}

void Doctor::LookAtDisk() {
  std::error_code error;
  const auto space = std::filesystem::space(config_.data, error);
  if (error) return Bad("disk", fmt::format("{}: {}", config_.data, error.message()));
  const std::string text = fmt::format("{} MiB free under {}", space.available >> 20, config_.data);
  if (space.available < kDiskMin) {
    return Bad("disk", text + "; the node stops when it is full: make room");
  }
  Good("disk", text);
}

void Doctor::LookAtModels() {
  for (const std::string& path : config_.models) {
    const auto checkpoint = model::Checkpoint::Open(path);
    absl::Status status = checkpoint.status();
    if (status.ok()) {
      const auto manifest =
          model::ManifestHash(**checkpoint, {.cache_directory = config_.data + "/manifests"});
      status = manifest.status();
      if (status.ok()) {
        manifests_.push_back(*manifest);
        Good("model", fmt::format("{}: manifest {}", path, Hex(*manifest)));
      }
    }
    if (!status.ok()) Bad("model", Message(status));
  }
  if (config_.models.empty()) Bad("model", "the configuration names none: add model = [\"PATH\"]");
  for (const std::string& url : config_.ml_nodes) LookAtMlNode(url);
  if (config_.ml_nodes.empty()) {
    Odd("ML node",
        "none is named: the node can pass requests on, but neither execute nor check, "
        "and earns accordingly");
  }
}

void Doctor::LookAtMlNode(const std::string& url) {
  const auto engine = engine::RemoteEngine::Connect(*context_.client, url);
  if (!engine.ok()) {
    return Bad("ML node", fmt::format("{}; start gonka-mlnode there", Message(engine.status())));
  }
  const engine::EngineInfo info = (*engine)->Info();
  const std::string text = fmt::format("{} runs {} on {}", url, info.model, info.kernel_class);
  if (std::find(manifests_.begin(), manifests_.end(), info.manifest) == manifests_.end()) {
    return Bad("ML node", fmt::format("{}, manifest {}, which is none of the configured models",
                                      text, Hex(info.manifest)));
  }
  Good("ML node", text);
}

// This node's own process, by its own word.
void Doctor::LookAtNode() {
  const auto listen = apps::ParseListen(config_.listen);
  if (!listen) {
    return Bad("node", fmt::format("listen must be address:port, is '{}'", config_.listen));
  }
  const std::string address = listen->first == "0.0.0.0" ? "127.0.0.1" : listen->first;
  const NodeApi own(*context_.client, fmt::format("http://{}:{}", address, listen->second));
  const auto status = own.Get("/gonka/v1/status");
  if (!status.ok()) {
    return Bad("node", fmt::format("{} does not answer ({}); start it: gonkad --config "
                                   "{}/gonkad.toml",
                                   own.url(), Message(status.status()), directory_));
  }
  if (status->value("network", "") != network_ ||
      status->value("participant", "") != Hex(account_)) {
    return Bad("node",
               fmt::format("at {} another node answers: participant {}, network {}", own.url(),
                           status->value("participant", ""), status->value("network", "")));
  }
  const uint64_t height = status->value("height", uint64_t{0});
  const auto other = context_.Api().Get("/gonka/v1/status");
  const uint64_t newest = other.ok() ? other->value("height", height) : height;
  if (newest > height + kBehindMax) {
    Odd("node", fmt::format("at height {}, {} is at {}: it is catching up, or its connection to "
                            "the sequencer is broken (see its log)",
                            height, context_.node, newest));
  } else {
    Good("node", fmt::format("{} is at height {}", own.url(), height));
  }
}

void Doctor::LookAtLedger() {
  const NodeApi api = context_.Api();
  const auto status = api.Get("/gonka/v1/status");
  if (!status.ok()) {
    return Bad("network", fmt::format("{} does not answer ({}); name another node with --node",
                                      context_.node, Message(status.status())));
  }
  if (status->value("network", "") != network_) {
    return Bad("network",
               fmt::format("{} is of network {}", context_.node, status->value("network", "")));
  }
  host::SystemClock clock;
  const int64_t off = clock.UnixUs() - status->value("time_us", int64_t{0});
  const int64_t interval = int64_t{status->value("block_interval_ms", uint32_t{0})} * 1'000;
  if (std::abs(off) > kClockMaxUs + interval) {
    Odd("clock", fmt::format("this machine's clock is {} s off the last block's time: run NTP, or "
                             "the network makes no blocks",
                             off / 1'000'000));
  } else {
    Good("clock", "agrees with the last block");
  }
  const auto participants = api.Get("/gonka/v1/participants");
  if (!participants.ok()) return Bad("participant", Message(participants.status()));
  for (const Json& one : participants->at("participants")) {
    if (one.value("id", "") != Hex(account_)) continue;
    LookAtParticipant(one, status->value("epoch", uint64_t{0}));
    return LookAtStanding(api);
  }
  Bad("participant",
      fmt::format("{} is not registered: gonka join {} --endpoint URL", Hex(account_), directory_));
}

void Doctor::LookAtParticipant(const Json& one, uint64_t epoch) {
  if (one.value("removed", false)) {
    return Bad("participant", "it was removed for cheating and takes no part any more");
  }
  const uint64_t from = one.value("active_from_epoch", uint64_t{0});
  const std::string text =
      fmt::format("weight {}, reputation {:.2f} %, collateral {}", one.value("weight", uint64_t{0}),
                  static_cast<double>(one.value("reputation", uint64_t{0})) / 10'000,
                  one.value("collateral", uint64_t{0}));
  if (from > epoch) {
    Odd("participant", fmt::format("{}; acts from epoch {}, this is {}", text, from, epoch));
  } else {
    Good("participant", text);
  }
  for (const Json& model : one.at("models")) {
    const auto id = FixedFromHex<32>(model.get<std::string>());
    if (id && std::find(manifests_.begin(), manifests_.end(), *id) == manifests_.end()) {
      Bad("participant",
          fmt::format("it is registered for model {}, which is not configured: every "
                      "request for it is a miss",
                      Hex(*id)));
    }
  }
  LookAtEndpoint(one.value("endpoint", ""));
}

void Doctor::LookAtEndpoint(const std::string& endpoint) {
  const NodeApi own(*context_.client, endpoint);
  const auto status = own.Get("/gonka/v1/status");
  if (!status.ok()) {
    return Bad("endpoint", fmt::format("{} does not answer from here ({}); others cannot send it "
                                       "work: open the port, or register another endpoint",
                                       endpoint, Message(status.status())));
  }
  if (status->value("participant", "") != Hex(account_)) {
    return Bad("endpoint", fmt::format("{} answers as participant {}", endpoint,
                                       status->value("participant", "")));
  }
  Good("endpoint", endpoint + " answers");
}

void Doctor::LookAtStanding(const NodeApi& api) {
  const auto page = api.Get("/gonka/v1/epochs/current");
  if (!page.ok()) return;
  for (const Json& member : page->at("members")) {
    if (member.value("id", "") != Hex(account_) || member.at("standing").is_null()) continue;
    const Json& standing = member.at("standing");
    const std::string text = fmt::format(
        "this epoch: {} answers, {} checks of {} duties, {} half misses, {} passes, {} fails",
        standing.value("executed", 0), standing.value("checks", 0), standing.value("duties", 0),
        standing.value("misses_half", 0), standing.value("passes", 0), standing.value("fails", 0));
    if (standing.value("convicted", false)) {
      return Bad("standing", text + "; convicted: nothing is paid for this epoch");
    }
    if (standing.value("alarmed", false) || standing.value("fails", 0) > 0) {
      return Odd("standing", text +
                                 "; compare the checkpoint and the ML node's arithmetic with "
                                 "what the network expects");
    }
    return Good("standing", text);
  }
}

absl::Status Doctor::Report() const {
  if (context_.json) {
    fmt::print("{}\n", Json{{"findings", findings_}, {"bad", bad_}}.dump());
  } else {
    for (const Json& one : findings_) {
      fmt::print("{:<5} {:<14} {}\n", one.value("finding", ""), one.value("check", ""),
                 one.value("text", ""));
    }
  }
  if (bad_ == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("{} of {} checks are bad", bad_, findings_.size()));
}

}  // namespace

void AddDoctorCommand(CLI::App& app, Context& context) {
  CLI::App* command =
      app.add_subcommand("doctor", "what is wrong with the node in DIR, and how to mend it");
  auto flags = std::make_shared<DoctorFlags>();
  command->add_option("DIR", flags->directory, "what `gonka init` made")->required();
  command->callback([flags, &context] {
    context.run = [flags, &context] { return Doctor(context, flags->directory).Run(); };
  });
}

}  // namespace gonka::cli
