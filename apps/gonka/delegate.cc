// keys delegate, rotate, revoke, sub-account: warm keys of a cold account.

#include <fmt/format.h>

#include <algorithm>

#include "gonka/commands.h"
#include "gonka/host/system.h"

namespace gonka::cli {
namespace {

struct DelegateFlags {
  std::string key;
  std::string warm;
  std::string replaces;
  std::vector<std::string> events;
  bool node = false;
  uint64_t cap = 0;
  uint64_t blocks = 500'000;
};

absl::StatusOr<uint64_t> EventsByName(const std::vector<std::string>& wanted) {
  const std::vector<std::string> names = EventNames();
  uint64_t events = 0;
  for (const std::string& name : wanted) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end()) {
      return absl::InvalidArgumentError(
          fmt::format("there is no event '{}'; there are {}", name, fmt::join(names, ", ")));
    }
    events |= uint64_t{1} << (found - names.begin());
  }
  return events;
}

absl::StatusOr<uint64_t> HeightNow(const Context& context) {
  GONKA_ASSIGN_OR_RETURN(const Json status, context.Api().Get("/gonka/v1/status"));
  return status.value("height", uint64_t{0});
}

absl::Status Grant(const Context& context, const DelegateFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const AccountId warm, ParseAccount(flags.warm));
  GONKA_ASSIGN_OR_RETURN(const uint64_t height, HeightNow(context));
  GONKA_ASSIGN_OR_RETURN(const uint64_t named, EventsByName(flags.events));
  Delegate event{.key = warm,
                 .events = named | (flags.node ? NodeEvents() : 0),
                 .speaks = flags.node,
                 .orders = false,
                 .cap = Amount(flags.cap),
                 .expires_height = height + flags.blocks,
                 .replaces = {}};
  if (!flags.replaces.empty()) {
    GONKA_ASSIGN_OR_RETURN(event.replaces, ParseAccount(flags.replaces));
  }
  const uint64_t expires = event.expires_height;
  GONKA_RETURN_IF_ERROR(SendEvents(context, flags.key, {std::move(event)}));
  fmt::print("{} may act for you up to block {}\n", Hex(warm), expires);
  return absl::OkStatus();
}

void AddDelegate(CLI::App& keys, Context& context) {
  CLI::App* command = keys.add_subcommand("delegate", "let a warm key act for your account");
  auto flags = std::make_shared<DelegateFlags>();
  command->add_option("WARM", flags->warm, "the warm key: account or key file")->required();
  command->add_option("--key", flags->key, "your key file, which can stay cold then")->required();
  command->add_flag("--node", flags->node,
                    "all that a participant's node needs (gonkad --account)");
  command->add_option("--event", flags->events, "an event that it may send; may be repeated");
  command->add_option("--cap", flags->cap, "coins that it may commit")->capture_default_str();
  command->add_option("--blocks", flags->blocks, "how long it is good for")->capture_default_str();
  command->add_option("--replaces", flags->replaces, "a warm key that is revoked along with it");
  command->callback(
      [flags, &context] { context.run = [flags, &context] { return Grant(context, *flags); }; });
}

// The same rights for another key.
absl::Status Rotate(const Context& context, const DelegateFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const AccountId old, ParseAccount(flags.replaces));
  GONKA_ASSIGN_OR_RETURN(const AccountId warm, ParseAccount(flags.warm));
  GONKA_ASSIGN_OR_RETURN(const Json json, context.Api().Get("/gonka/v1/delegations/" + Hex(old)));
  GONKA_ASSIGN_OR_RETURN(const uint64_t events,
                         EventsByName(json.value("events", std::vector<std::string>())));
  GONKA_RETURN_IF_ERROR(
      SendEvents(context, flags.key,
                 {Delegate{.key = warm,
                           .events = events,
                           .speaks = json.value("speaks", false),
                           .orders = json.value("orders", false),
                           .cap = Amount(json.value("cap", uint64_t{0})),
                           .expires_height = json.value("expires_height", uint64_t{0}),
                           .replaces = old}}));
  fmt::print("{} takes over from {}\n", Hex(warm), Hex(old));
  return absl::OkStatus();
}

void AddRotate(CLI::App& keys, Context& context) {
  CLI::App* command = keys.add_subcommand("rotate", "put a new warm key in an old one's place");
  auto flags = std::make_shared<DelegateFlags>();
  command->add_option("OLD", flags->replaces, "account or key file")->required();
  command->add_option("NEW", flags->warm, "account or key file")->required();
  command->add_option("--key", flags->key, "your key file")->required();
  command->callback(
      [flags, &context] { context.run = [flags, &context] { return Rotate(context, *flags); }; });
}

void AddRevoke(CLI::App& keys, Context& context) {
  CLI::App* command = keys.add_subcommand("revoke", "end what a warm key may do, at once");
  auto flags = std::make_shared<DelegateFlags>();
  command->add_option("WARM", flags->warm, "account or key file")->required();
  command->add_option("--key", flags->key, "your key file")->required();
  command->callback([flags, &context] {
    context.run = [flags, &context]() -> absl::Status {
      GONKA_ASSIGN_OR_RETURN(const AccountId warm, ParseAccount(flags->warm));
      GONKA_RETURN_IF_ERROR(SendEvents(context, flags->key, {Revoke{warm}}));
      fmt::print("{} does not act for you any more\n", Hex(warm));
      return absl::OkStatus();
    };
  });
}

absl::Status MakeSubAccount(const Context& context, const DelegateFlags& flags) {
  host::SystemEntropy entropy;
  FixedBytes<24> secret;
  entropy.Fill(secret.bytes);
  const std::string api_key = "gk-" + Hex(secret);
  const KeyPair pair = ApiKeyPair(AsBytes(api_key));
  GONKA_ASSIGN_OR_RETURN(const uint64_t height, HeightNow(context));
  GONKA_RETURN_IF_ERROR(SendEvents(context, flags.key,
                                   {Delegate{.key = AccountOf(pair.public_key()),
                                             .events = 0,
                                             .speaks = false,
                                             .orders = true,
                                             .cap = Amount(flags.cap),
                                             .expires_height = height + flags.blocks,
                                             .replaces = {}}}));
  if (context.json) {
    fmt::print("{}\n", Json{{"api_key", api_key}, {"account", Hex(pair.public_key())}}.dump());
  } else {
    fmt::print("{}\nsub-account {}; it spends your allowances, up to {}\n", api_key,
               Hex(pair.public_key()), flags.cap);
  }
  return absl::OkStatus();
}

void AddSubAccount(CLI::App& keys, Context& context) {
  CLI::App* command = keys.add_subcommand(
      "sub-account", "make an API key that spends your allowances up to a cap of its own");
  auto flags = std::make_shared<DelegateFlags>();
  command->add_option("--key", flags->key, "your key file")->required();
  command->add_option("--cap", flags->cap, "coins that it may spend, in base units")
      ->required()
      ->check(CLI::Range(uint64_t{1}, Amount::kMax));
  command->add_option("--blocks", flags->blocks, "how long it is good for")->capture_default_str();
  command->callback([flags, &context] {
    context.run = [flags, &context] { return MakeSubAccount(context, *flags); };
  });
}

}  // namespace

void AddDelegationCommands(CLI::App& keys, Context& context) {
  AddDelegate(keys, context);
  AddRotate(keys, context);
  AddRevoke(keys, context);
  AddSubAccount(keys, context);
}

}  // namespace gonka::cli
