#pragma once

// The subcommands of `gonka`. Each adds its own flags and, once parsed, runs against one node's
// public endpoints, or on files alone.

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <string>

#include "common/node_api.h"
#include "common/program.h"
#include "gonka/base/status.h"

namespace gonka::cli {

using apps::Json;
using apps::NodeApi;

struct Context {
  std::string node = "http://127.0.0.1:7100";
  bool json = false;
  std::shared_ptr<http::Client> client;
  // Of commands that stay: set before anything starts a thread.
  apps::UntilSignal* signal = nullptr;
  bool stays = false;
  // Set by the subcommand that was chosen.
  std::function<absl::Status()> run;

  NodeApi Api() const { return NodeApi(*client, node); }
};

void AddKeyCommands(CLI::App& app, Context& context);    // keys, balance, transfer
void AddLookCommands(CLI::App& app, Context& context);   // status, participants, epoch, inference
void AddProofCommands(CLI::App& app, Context& context);  // prove, verify
void AddEventCommands(CLI::App& app, Context& context);  // events
void AddNodeCommands(CLI::App& app,
                     Context& context);  // register, update, leave, withdraw, maintain
void AddDelegationCommands(CLI::App& keys, Context& context);  // delegate, rotate, revoke, ...
void AddGovernanceCommands(CLI::App& app, Context& context);   // params, proposals, propose, vote
void AddAuditCommand(CLI::App& app, Context& context);         // audit
void AddProxyCommand(CLI::App& app, Context& context);         // proxy
void AddJoinCommands(CLI::App& app, Context& context);         // init, join
void AddDoctorCommand(CLI::App& app, Context& context);        // doctor
void AddModelCommands(CLI::App& app, Context& context);         // model inspect, ...
void AddSimCommand(CLI::App& app, Context& context);           // sim

// A 64-digit account, or the account of a key file.
absl::StatusOr<AccountId> ParseAccount(const std::string& text);
absl::StatusOr<FixedBytes<32>> ParseHash(const std::string& what, const std::string& text);

// Signs the events with the key in the file and sends them through the node; waits until they are
// in a block, and fails with the first refusal. acts_for: the account whose warm key it is.
absl::Status SendEvents(const Context& context, const std::string& key_path,
                        std::vector<Event> events,
                        std::optional<AccountId> acts_for = std::nullopt);

}  // namespace gonka::cli
