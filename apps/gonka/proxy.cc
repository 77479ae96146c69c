// gonka proxy: the developer's own OpenAI endpoint, for one that wants to trust nobody.

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "common/genesis_file.h"
#include "common/key.h"
#include "gonka/commands.h"
#include "gonka/host/files.h"
#include "gonka/host/log.h"
#include "gonka/host/loop.h"
#include "gonka/net/developer_node.h"

namespace gonka::cli {
namespace {

struct ProxyFlags {
  std::string key;
  std::string account;
  std::string data;
  std::string network;
  std::string listen = "127.0.0.1:7070";
  std::vector<std::string> models;
  std::string api_key;
  uint64_t allow = 0;
  uint32_t transfer_agents = 3;
  bool allow_private = false;
  bool from_snapshot = false;
  std::string log_level = "warning";
};

bool IsLoopback(const std::string& address) {
  return address.starts_with("127.") || address == "localhost" || address == "::1";
}

absl::StatusOr<net::DeveloperOptions> OptionsFrom(const Context& context, const ProxyFlags& flags) {
  const auto listen = apps::ParseListen(flags.listen);
  if (!listen) {
    return absl::InvalidArgumentError(
        fmt::format("--listen must be address:port, is '{}'", flags.listen));
  }
  if (flags.api_key.empty() && !IsLoopback(listen->first)) {
    return absl::InvalidArgumentError(
        fmt::format("--listen {} lets others on your network spend your coins: give an --api-key",
                    flags.listen));
  }
  net::DeveloperOptions options;
  if (!flags.account.empty()) {
    GONKA_ASSIGN_OR_RETURN(const auto account, ParseHash("--account", flags.account));
    options.account = AccountId{account};
  }
  GONKA_RETURN_IF_ERROR(host::MakeDirectory(flags.data));
  GONKA_ASSIGN_OR_RETURN(const auto network, ParseHash("--network", flags.network));
  GONKA_ASSIGN_OR_RETURN(
      options.genesis,
      apps::GetGenesis(*context.client, context.node, NetworkId{network}, flags.data + "/genesis"));
  options.data_directory = flags.data;
  options.server.address = listen->first;
  options.server.port = listen->second;
  options.models = flags.models;
  options.api_key = flags.api_key;
  options.allow = Amount(flags.allow);
  options.transfer_agents = flags.transfer_agents;
  options.allow_private_addresses = flags.allow_private;
  options.from_snapshot = flags.from_snapshot;
  options.snapshot_sources = {context.node};
  return options;
}

void PrintNews(const Context& context, const net::News& news) {
  if (context.json) {
    Json line = {{"height", news.height}, {"text", news.text}};
    if (news.inference) line["inference"] = Hex(*news.inference);
    fmt::print("{}\n", line.dump());
  } else {
    fmt::print("height {:<8} {}\n", news.height, news.text);
  }
  std::fflush(stdout);
}

// Until it knows all that the network knows, or a signal comes.
void CatchUp(const net::DeveloperNode& node, const apps::UntilSignal& signal) {
  constexpr auto kEvery = std::chrono::milliseconds(100);
  constexpr int kSayEvery = 20;
  for (int i = 0; !node.caught_up() && !signal.HasCome(); ++i) {
    if (i % kSayEvery == kSayEvery - 1) {
      fmt::print(stderr, "following the ledger: block {}\n", node.height());
    }
    std::this_thread::sleep_for(kEvery);
  }
}

absl::Status RunProxy(const Context& context, const ProxyFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const LogLevel level, host::ParseLogLevel(flags.log_level));
  GONKA_ASSIGN_OR_RETURN(const auto log, host::OpenLog({.level = level, .name = "proxy"}));
  GONKA_ASSIGN_OR_RETURN(const KeyPair key, apps::ReadKey(flags.key));
  GONKA_ASSIGN_OR_RETURN(net::DeveloperOptions options, OptionsFrom(context, flags));
  options.on_news = [&context](const net::News& news) { PrintNews(context, news); };
  // What made the ledger unusable will not go away by itself; the data stays.
  options.on_fatal = [&log](const std::string& why) {
    log->Write(LogLevel::kError, "stopping for good: " + why);
    std::_Exit(3);
  };
  const std::string address = flags.listen.substr(0, flags.listen.rfind(':'));
  host::ThreadLoop loop;
  host::SystemClock clock;
  host::SystemEntropy entropy;
  GONKA_ASSIGN_OR_RETURN(const auto node, net::DeveloperNode::Start(loop, clock, entropy, *log, key,
                                                                    std::move(options)));
  CatchUp(*node, *context.signal);
  fmt::print(stderr, "base URL http://{}:{}/v1, account {}; Ctrl-C stops it\n", address,
             node->port(), Hex(node->account()));
  context.signal->Wait();
  return absl::OkStatus();
}

}  // namespace

void AddProxyCommand(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand(
      "proxy",
      "serve the OpenAI dialect on this machine and trust nobody: hold the key, sign each request, "
      "draw the transfer agent, follow the ledger, check what comes back, report verdicts and "
      "refunds");
  auto flags = std::make_shared<ProxyFlags>();
  command->add_option("--key", flags->key, "your key file, or a sub-account's")->required();
  command->add_option("--account", flags->account, "your account, where --key is a sub-account's");
  command->add_option("--data", flags->data, "directory for the copy of the ledger")->required();
  command
      ->add_option("--network", flags->network,
                   "the network's id, from somebody you trust; --node is not trusted with it")
      ->required();
  command
      ->add_option("--model", flags->models,
                   "checkpoint or tokenizer of a model that you ask; may be repeated")
      ->required();
  command->add_option("--listen", flags->listen, "address:port")->capture_default_str();
  command->add_option("--api-key", flags->api_key,
                      "what clients must send; without it, any program on this machine is served");
  command
      ->add_option("--allow", flags->allow,
                   "bring what transfer agents may spend for you up to so many coins, at the start")
      ->check(CLI::Range(uint64_t{0}, Amount::kMax))
      ->capture_default_str();
  command->add_option("--transfer-agents", flags->transfer_agents, "over how many it is spread")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_flag("--allow-private", flags->allow_private,
                    "nodes may be on private or loopback addresses");
  command->add_flag("--from-snapshot", flags->from_snapshot,
                    "begin with a snapshot of the ledger instead of executing it from genesis: "
                    "quick, but trusts the sequencer's signature for what was before");
  command->add_option("--log-level", flags->log_level, "debug, info, warning or error")
      ->capture_default_str();
  command->callback([flags, &context] {
    context.stays = true;
    context.run = [flags, &context] { return RunProxy(context, *flags); };
  });
}

}  // namespace gonka::cli
