#include <fmt/format.h>

#include "common/key.h"
#include "gonka/commands.h"
#include "gonka/host/system.h"

namespace gonka::cli {
namespace {

void PrintAccount(const Context& context, const AccountId& account) {
  if (context.json) {
    fmt::print("{}\n", Json{{"account", Hex(account)}}.dump());
  } else {
    fmt::print("{}\n", Hex(account));
  }
}

absl::Status WriteEncrypted(const std::string& path, const KeyPair& key) {
  GONKA_ASSIGN_OR_RETURN(const std::string passphrase, apps::NewPassphrase());
  host::SystemEntropy entropy;
  return WriteKeyFile(path, key, passphrase, entropy);
}

void AddNew(CLI::App& keys, Context& context) {
  CLI::App* command = keys.add_subcommand("new", "make a key and write it to FILE");
  auto path = std::make_shared<std::string>();
  auto encrypt = std::make_shared<bool>(false);
  command->add_option("FILE", *path)->required();
  command->add_flag("--encrypt", *encrypt, "under a passphrase");
  command->callback([path, encrypt, &context] {
    context.run = [path, encrypt, &context]() -> absl::Status {
      host::SystemEntropy entropy;
      const KeyPair key = KeyPair::Generate(entropy);
      GONKA_RETURN_IF_ERROR(*encrypt ? WriteEncrypted(*path, key) : WriteKeyFile(*path, key));
      PrintAccount(context, AccountOf(key.public_key()));
      return absl::OkStatus();
    };
  });
}

void AddEncrypt(CLI::App& keys, Context& context) {
  CLI::App* command =
      keys.add_subcommand("encrypt", "write the key in FILE to NEW, under a passphrase");
  auto path = std::make_shared<std::string>();
  auto encrypted = std::make_shared<std::string>();
  command->add_option("FILE", *path)->required();
  command->add_option("NEW", *encrypted)->required();
  command->callback([path, encrypted, &context] {
    context.run = [path, encrypted, &context]() -> absl::Status {
      GONKA_ASSIGN_OR_RETURN(const KeyPair key, apps::ReadKey(*path));
      GONKA_RETURN_IF_ERROR(WriteEncrypted(*encrypted, key));
      PrintAccount(context, AccountOf(key.public_key()));
      return absl::OkStatus();
    };
  });
}

void AddShow(CLI::App& keys, Context& context) {
  CLI::App* command = keys.add_subcommand("show", "print the account of the key in FILE");
  auto path = std::make_shared<std::string>();
  command->add_option("FILE", *path)->required();
  command->callback([path, &context] {
    context.run = [path, &context]() -> absl::Status {
      GONKA_ASSIGN_OR_RETURN(const KeyPair key, apps::ReadKey(*path));
      PrintAccount(context, AccountOf(key.public_key()));
      return absl::OkStatus();
    };
  });
}

struct ApiFlags {
  std::string key;
  uint64_t amount = 0;
  uint64_t epochs = 1'000;
};

// The participant behind a node is its status' own word; a wrong word costs nothing, because the
// allowance is good for that participant alone.
absl::Status MakeApiKey(const Context& context, const ApiFlags& flags) {
  GONKA_ASSIGN_OR_RETURN(const Json status, context.Api().Get("/gonka/v1/status"));
  GONKA_ASSIGN_OR_RETURN(const auto ta, ParseHash("participant", status.value("participant", "")));
  host::SystemEntropy entropy;
  FixedBytes<24> secret;
  entropy.Fill(secret.bytes);
  const std::string api_key = "gk-" + Hex(secret);
  GONKA_RETURN_IF_ERROR(
      SendEvents(context, flags.key,
                 {Allow{.ta = AccountId{ta},
                        .amount = Amount(flags.amount),
                        .expires_epoch = status.value("epoch", uint64_t{0}) + flags.epochs,
                        .key_digest = ApiKeyDigest(AsBytes(api_key))}}));
  if (context.json) {
    fmt::print("{}\n", Json{{"api_key", api_key}, {"base_url", context.node + "/v1"}}.dump());
  } else {
    fmt::print("{}\nbase URL: {}/v1   (usable in a few blocks)\n", api_key, context.node);
  }
  return absl::OkStatus();
}

void AddApi(CLI::App& keys, Context& context) {
  CLI::App* command = keys.add_subcommand(
      "api", "allow the node's participant to serve you, and make an API key for stock clients");
  auto flags = std::make_shared<ApiFlags>();
  command->add_option("--key", flags->key, "your key file")->required();
  command->add_option("--amount", flags->amount, "coins to set aside, in base units")
      ->required()
      ->check(CLI::Range(uint64_t{1}, Amount::kMax));
  command->add_option("--epochs", flags->epochs, "how long it is good for")->capture_default_str();
  command->callback([flags, &context] {
    context.run = [flags, &context] { return MakeApiKey(context, *flags); };
  });
}

absl::Status Balance(const Context& context, const std::string& who) {
  GONKA_ASSIGN_OR_RETURN(const AccountId account, ParseAccount(who));
  GONKA_ASSIGN_OR_RETURN(const Json json, context.Api().Get("/gonka/v1/accounts/" + Hex(account)));
  if (context.json) {
    fmt::print("{}\n", json.dump(2));
    return absl::OkStatus();
  }
  fmt::print("balance {}\n", json.value("balance", uint64_t{0}));
  for (const Json& allowance : json.value("allowances", Json::array())) {
    fmt::print("allowed to {}: {} until epoch {}{}\n", allowance.value("transfer_agent", ""),
               allowance.value("available", uint64_t{0}),
               allowance.value("expires_epoch", uint64_t{0}),
               allowance.value("ready", false) ? "" : " (not ready yet)");
  }
  return absl::OkStatus();
}

struct TransferFlags {
  std::string key;
  std::string to;
  uint64_t amount = 0;
};

void AddTransfer(CLI::App& app, Context& context) {
  CLI::App* command = app.add_subcommand("transfer", "send coins to another account");
  auto flags = std::make_shared<TransferFlags>();
  command->add_option("--key", flags->key, "your key file")->required();
  command->add_option("TO", flags->to, "account or key file")->required();
  command->add_option("AMOUNT", flags->amount, "in base units")
      ->required()
      ->check(CLI::Range(uint64_t{1}, Amount::kMax));
  command->callback([flags, &context] {
    context.run = [flags, &context]() -> absl::Status {
      GONKA_ASSIGN_OR_RETURN(const AccountId to, ParseAccount(flags->to));
      GONKA_RETURN_IF_ERROR(
          SendEvents(context, flags->key, {Transfer{.to = to, .amount = Amount(flags->amount)}}));
      fmt::print("sent {} to {}\n", flags->amount, Hex(to));
      return absl::OkStatus();
    };
  });
}

}  // namespace

void AddKeyCommands(CLI::App& app, Context& context) {
  CLI::App* keys = app.add_subcommand("keys", "make and look at keys");
  keys->require_subcommand(1);
  AddNew(*keys, context);
  AddEncrypt(*keys, context);
  AddShow(*keys, context);
  AddApi(*keys, context);
  AddDelegationCommands(*keys, context);
  CLI::App* balance = app.add_subcommand("balance", "what an account owns and allows");
  auto who = std::make_shared<std::string>();
  balance->add_option("ACCOUNT", *who, "account or key file")->required();
  balance->callback(
      [who, &context] { context.run = [who, &context] { return Balance(context, *who); }; });
  AddTransfer(app, context);
}

}  // namespace gonka::cli
