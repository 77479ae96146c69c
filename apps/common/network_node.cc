#include "common/network_node.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "common/genesis_file.h"
#include "common/key.h"
#include "common/program.h"
#include "gonka/host/files.h"
#include "gonka/host/log.h"
#include "gonka/host/loop.h"
#include "gonka/host/system.h"

namespace gonka::apps {
namespace {

void AddFlags(CLI::App& app, NetworkNodeFlags& flags) {
  app.set_config("--config", "", "read options from this file (TOML)");
  app.allow_config_extras(CLI::config_extras_mode::error);  // A misspelt option is no option.
  app.add_option("--data", flags.data, "data directory")->required();
  app.add_option("--genesis", flags.genesis, "the network's genesis file")->required();
  app.add_option("--key", flags.key, "the participant's key file")->required();
  app.add_option("--account", flags.account,
                 "the participant, where --key is a warm key that it has delegated to");
  app.add_option("--listen", flags.listen, "address:port of the HTTP API")->capture_default_str();
  app.add_option("--model", flags.models,
                 "checkpoint whose requests this node serves; may be repeated");
  app.add_option("--ml-node", flags.ml_nodes, "URL of an ML node; may be repeated");
  app.add_flag("--allow-private", flags.allow_private,
               "other nodes may be on private or loopback addresses");
  app.add_option("--snapshots", flags.snapshots,
                 "how many snapshots of the ledger are kept for newcomers, one an epoch; 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0, 16));
  app.add_flag("--from-snapshot", flags.from_snapshot,
               "an empty data directory begins with a snapshot instead of genesis: quick, but "
               "trusts the sequencer's signature for all that was before");
  app.add_option("--snapshot-source", flags.snapshot_sources,
                 "URL of a node to take it from, besides the participants in genesis; may be "
                 "repeated");
  app.add_option("--beacon-chain-length", flags.beacon_chain_length,
                 "links of this participant's beacon chain, as in genesis")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 24));
  app.add_option("--log-level", flags.log_level, "debug, info, warning or error")
      ->capture_default_str();
}

// An option that a configuration file leaves empty is not given.
void DropEmpty(NetworkNodeFlags& flags) {
  std::erase(flags.models, "");
  std::erase(flags.ml_nodes, "");
  std::erase(flags.snapshot_sources, "");
}

absl::Status Run(const NetworkNodeFlags& flags, const Adjust& adjust, UntilSignal& signal) {
  const auto listen = ParseListen(flags.listen);
  if (!listen) {
    return absl::InvalidArgumentError(
        fmt::format("--listen must be address:port, is '{}'", flags.listen));
  }
  GONKA_ASSIGN_OR_RETURN(const LogLevel level, host::ParseLogLevel(flags.log_level));
  GONKA_ASSIGN_OR_RETURN(const auto log,
                         host::OpenLog({.level = level, .file = "", .name = "gonkad"}));
  GONKA_ASSIGN_OR_RETURN(const KeyPair key, ReadKey(flags.key));
  net::ParticipantOptions options;
  GONKA_ASSIGN_OR_RETURN(options.genesis, ReadGenesisFile(flags.genesis));
  GONKA_RETURN_IF_ERROR(host::MakeDirectory(flags.data));
  if (!flags.account.empty()) {
    const auto account = FixedFromHex<32>(flags.account);
    if (!account) {
      return absl::InvalidArgumentError(
          fmt::format("--account must be 64 lower-case hex digits, is '{}'", flags.account));
    }
    options.account = AccountId{*account};
  }
  options.data_directory = flags.data;
  options.server.address = listen->first;
  options.server.port = listen->second;
  options.models = flags.models;
  options.ml_nodes = flags.ml_nodes;
  options.allow_private_addresses = flags.allow_private;
  options.snapshots = flags.snapshots;
  options.from_snapshot = flags.from_snapshot;
  options.snapshot_sources = flags.snapshot_sources;
  options.beacon_chain_length = flags.beacon_chain_length;
  // Whatever made the ledger unusable will not go away by itself: stop, say why, keep the data.
  options.on_fatal = [&log](const std::string& why) {
    log->Write(LogLevel::kError, "stopping for good: " + why);
    std::_Exit(3);
  };
  if (adjust) adjust(key, options);
  host::ThreadLoop loop;
  host::SystemClock clock;
  host::SystemEntropy entropy;
  GONKA_ASSIGN_OR_RETURN(const auto node, net::ParticipantNode::Start(loop, clock, entropy, *log,
                                                                      key, std::move(options)));
  log->Write(LogLevel::kInfo,
             fmt::format("listening on {}:{}, participant {}, network {}", listen->first,
                         node->port(), Hex(node->account()), ShortHex(node->network())));
  signal.Wait();
  log->Write(LogLevel::kInfo, "stopping");
  return absl::OkStatus();
}

}  // namespace

std::string NetworkNodeConfig(const std::vector<std::string>& arguments) {
  CLI::App app;
  NetworkNodeFlags flags;
  AddFlags(app, flags);
  app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // Last first.
  return app.config_to_str(true, true);
}

absl::StatusOr<NetworkNodeFlags> ReadNetworkNodeConfig(const std::string& path) {
  GONKA_RETURN_IF_ERROR(host::ReadFile(path).status());
  CLI::App app;
  NetworkNodeFlags flags;
  AddFlags(app, flags);
  try {
    app.parse({path, "--config"});  // Last first.
  } catch (const CLI::Error& error) {
    return absl::InvalidArgumentError(fmt::format("{}: {}", path, error.what()));
  }
  DropEmpty(flags);
  return flags;
}

int RunNetworkNode(int argc, char** argv, const char* description, const Adjust& adjust) {
  CLI::App app(description);
  NetworkNodeFlags flags;
  AddFlags(app, flags);
  CLI11_PARSE(app, argc, argv);
  DropEmpty(flags);
  UntilSignal signal;
  const absl::Status status = Run(flags, adjust, signal);
  return status.ok() ? EXIT_SUCCESS : Fail(status);
}

}  // namespace gonka::apps
