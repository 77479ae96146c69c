// gonka init, gonka join: from nothing to a node that serves.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "common/genesis_file.h"
#include "common/key.h"
#include "common/network_node.h"
#include "gonka/commands.h"
#include "gonka/host/files.h"
#include "gonka/host/system.h"
#include "gonka/model/checkpoint.h"
#include "gonka/model/manifest.h"

namespace gonka::cli {
namespace {

struct InitFlags {
  std::string directory;
  std::string network;
  std::string listen = "0.0.0.0:7101";
  std::vector<std::string> models;
  std::vector<std::string> ml_nodes;
  bool allow_private = false;
  bool from_snapshot = false;
};

// The key that is there, or a new one.
absl::StatusOr<KeyPair> HaveKey(const std::string& path) {
  auto key = apps::ReadKey(path);
  if (key.ok() || !absl::IsNotFound(key.status())) return key;
  host::SystemEntropy entropy;
  key = KeyPair::Generate(entropy);
  GONKA_RETURN_IF_ERROR(WriteKeyFile(path, *key));
  return key;
}

std::vector<std::string> NodeArguments(const Context& context, const InitFlags& flags) {
  const std::string absolute = std::filesystem::absolute(flags.directory).lexically_normal();
  std::vector<std::string> arguments = {
      "--data", absolute,          "--genesis", absolute + "/genesis",
      "--key",  absolute + "/key", "--listen",  flags.listen};
  for (const std::string& model : flags.models) {
    arguments.insert(arguments.end(), {"--model", std::filesystem::absolute(model)});
  }
  for (const std::string& url : flags.ml_nodes) {
    arguments.insert(arguments.end(), {"--ml-node", url});
  }
  if (flags.allow_private) arguments.push_back("--allow-private");
  if (flags.from_snapshot) {
    arguments.insert(arguments.end(), {"--from-snapshot", "--snapshot-source", context.node});
  }
  return arguments;
}

absl::Status Init(const Context& context, const InitFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const auto network, ParseHash("--network", flags.network));
  if (!apps::ParseListen(flags.listen)) {
    return absl::InvalidArgumentError(
        fmt::format("--listen must be address:port, is '{}'", flags.listen));
  }
  const std::string config = flags.directory + "/gonkad.toml";
  if (std::filesystem::exists(config)) {
    return absl::AlreadyExistsError(fmt::format("{} is there already; change it by hand", config));
  }
  for (const std::string& model : flags.models) {  // Before anything is written.
    GONKA_RETURN_IF_ERROR(model::Checkpoint::Open(model).status());
  }
  GONKA_RETURN_IF_ERROR(host::MakeDirectory(flags.directory));
  GONKA_RETURN_IF_ERROR(apps::GetGenesis(*context.client, context.node, NetworkId{network},
                                         flags.directory + "/genesis")
                            .status());
  GONKA_ASSIGN_OR_RETURN(const KeyPair key, HaveKey(flags.directory + "/key"));
  const std::string text =
      "# gonkad --config " + config + "\n" + apps::NetworkNodeConfig(NodeArguments(context, flags));
  GONKA_RETURN_IF_ERROR(host::WriteFileAtomic(config, AsBytes(text)));
  const std::string account = Hex(AccountOf(key.public_key()));
  if (context.json) {
    fmt::print("{}\n", Json{{"account", account}, {"config", config}}.dump());
    return absl::OkStatus();
  }
  fmt::print(
      "account   {}   (its key: {}/key; keep a copy)\n"
      "options   {}   (look through them)\n"
      "next      send that account its collateral, then: gonka join {} --endpoint URL\n",
      account, flags.directory, config, flags.directory);
  return absl::OkStatus();
}

struct JoinFlags {
  std::string directory;
  std::string endpoint;
  uint64_t collateral = 0;
};

absl::StatusOr<std::vector<ModelId>> ManifestsOf(const apps::NetworkNodeFlags& config) {
  std::vector<ModelId> models;
  for (const std::string& path : config.models) {
    GONKA_ASSIGN_OR_RETURN(const auto checkpoint, model::Checkpoint::Open(path));
    GONKA_ASSIGN_OR_RETURN(
        const Hash manifest,
        model::ManifestHash(*checkpoint, {.cache_directory = config.data + "/manifests"}));
    models.push_back(ModelId{manifest});
  }
  std::sort(models.begin(), models.end());
  models.erase(std::unique(models.begin(), models.end()), models.end());
  return models;
}

// Each must be on the ledger.
absl::Status CheckKnown(const NodeApi& api, const std::vector<ModelId>& models) {
  if (models.empty()) return absl::FailedPreconditionError("the configuration names no model");
  GONKA_ASSIGN_OR_RETURN(const Json known, api.Get("/gonka/v1/models"));
  for (const ModelId& model : models) {
    const auto& list = known.at("models");
    if (std::any_of(list.begin(), list.end(),
                    [&](const Json& one) { return one.value("id", "") == Hex(model); })) {
      continue;
    }
    return absl::FailedPreconditionError(
        fmt::format("the ledger knows no model with manifest {}", Hex(model)));
  }
  return absl::OkStatus();
}

// What registering takes out of the account must be there.
absl::Status CheckMoney(const NodeApi& api, const AccountId& account, uint64_t collateral) {
  GONKA_ASSIGN_OR_RETURN(const Json params, api.Get("/gonka/v1/params"));
  const uint64_t least = params.at("params").value("money.collateral_min", uint64_t{0});
  const auto page = api.Get("/gonka/v1/accounts/" + Hex(account));
  const uint64_t balance = page.ok() ? page->value("balance", uint64_t{0}) : 0;
  const uint64_t needed = std::max(least, collateral);
  if (balance >= needed) return absl::OkStatus();
  return absl::FailedPreconditionError(
      fmt::format("account {} has {}, joining takes {}: send it {} more", Hex(account), balance,
                  needed, needed - balance));
}

absl::Status Join(const Context& context, const JoinFlags& flags) {
  const std::string path = flags.directory + "/gonkad.toml";
  GONKA_ASSIGN_OR_RETURN(const apps::NetworkNodeFlags config, apps::ReadNetworkNodeConfig(path));
  GONKA_ASSIGN_OR_RETURN(const KeyPair key, apps::ReadKey(config.key));
  GONKA_ASSIGN_OR_RETURN(const Genesis genesis, apps::ReadGenesisFile(config.genesis));
  const NodeApi api = context.Api();
  GONKA_ASSIGN_OR_RETURN(const Json status, api.Get("/gonka/v1/status"));
  if (status.value("network", "") != Hex(NetworkIdOf(genesis))) {
    return absl::FailedPreconditionError(fmt::format("{} is a node of network {}, {} is that of {}",
                                                     context.node, status.value("network", ""),
                                                     config.genesis, Hex(NetworkIdOf(genesis))));
  }
  GONKA_ASSIGN_OR_RETURN(const std::vector<ModelId> models, ManifestsOf(config));
  GONKA_RETURN_IF_ERROR(CheckKnown(api, models));
  const AccountId account = AccountOf(key.public_key());
  GONKA_RETURN_IF_ERROR(CheckMoney(api, account, flags.collateral));

  GONKA_ASSIGN_OR_RETURN(const Json params, api.Get("/gonka/v1/params"));
  const uint64_t least = params.at("params").value("money.collateral_min", uint64_t{0});
  std::vector<Event> events = {
      Register{.endpoint = Text<256>(flags.endpoint), .models = {{models.begin(), models.end()}}}};
  if (flags.collateral > least) {  // Registering deposits the least by itself.
    events.push_back(DepositCollateral{.amount = Amount(flags.collateral - least)});
  }
  GONKA_RETURN_IF_ERROR(SendEvents(context, config.key, std::move(events)));
  fmt::print("participant {} acts from epoch {}; now: gonkad --config {}\n", Hex(account),
             status.value("epoch", uint64_t{0}) + 1, path);
  return absl::OkStatus();
}

}  // namespace

void AddJoinCommands(CLI::App& app, Context& context) {
  CLI::App* init = app.add_subcommand(
      "init", "make a participant's directory: key, the network's genesis, a configuration file");
  auto init_flags = std::make_shared<InitFlags>();
  init->add_option("DIR", init_flags->directory)->required();
  init->add_option("--network", init_flags->network,
                   "the network's id, from somebody you trust; --node is not trusted with it")
      ->required();
  init->add_option("--model", init_flags->models, "checkpoint to serve; may be repeated")
      ->required();
  init->add_option("--ml-node", init_flags->ml_nodes,
                   "URL of a gonka-mlnode that runs it; may be repeated");
  init->add_option("--listen", init_flags->listen, "address:port of the node")
      ->capture_default_str();
  init->add_flag("--allow-private", init_flags->allow_private,
                 "nodes may be on private or loopback addresses");
  init->add_flag("--from-snapshot", init_flags->from_snapshot,
                 "the node begins with a snapshot of the ledger instead of executing it from "
                 "genesis, and trusts the sequencer's signature for what was before");
  init->callback([init_flags, &context] {
    context.run = [init_flags, &context] { return Init(context, *init_flags); };
  });

  CLI::App* join = app.add_subcommand(
      "join",
      "become a participant with what `gonka init` made: check everything, deposit, "
      "register");
  auto join_flags = std::make_shared<JoinFlags>();
  join->add_option("DIR", join_flags->directory)->required();
  join->add_option("--endpoint", join_flags->endpoint, "URL under which others reach the node")
      ->required();
  join->add_option("--collateral", join_flags->collateral,
                   "coins to deposit; at least what the ledger asks for")
      ->check(CLI::Range(uint64_t{0}, Amount::kMax))
      ->capture_default_str();
  join->callback([join_flags, &context] {
    context.run = [join_flags, &context] { return Join(context, *join_flags); };
  });
}

}  // namespace gonka::cli
