#pragma once

// One participant's services, put together: what gonkad runs, and what the simulator runs many of.

#include "gonka/node/committee.h"
#include "gonka/node/executor.h"
#include "gonka/node/keep.h"
#include "gonka/node/sprint_checker.h"
#include "gonka/node/sprinter.h"
#include "gonka/node/transfer_agent.h"
#include "gonka/node/validator.h"

namespace gonka::node {

class OrderDesk;

struct NodeOptions {
  // For whom the node acts, where its key is a warm one; otherwise the key's own account.
  std::optional<AccountId> account = {};
  RecorderOptions recorder = {};
  ExecutorOptions executor = {};
  TransferAgentOptions transfer_agent = {};
  CheckerOptions checker = {};
  SprinterOptions sprinter = {};
  SprintCheckerOptions sprint_checker = {};
};

class Node {
 public:
  // keep must outlive the node.
  Node(Environment env, LedgerPort ledger, const KeyPair& key, NetworkId network,
       ServedModels models, Keep& keep, NodeOptions options = {});

  ~Node();

  // Picks up duties that were open when the node last stopped. Once, after the ledger is open.
  void Resume();
  // After each committed block, on the loop.
  void OnBlock(const BlockFacts& block);
  // A call from another node; unknown methods fail it.
  void OnCall(const std::string& method, const Hash& caller, Bytes request,
              std::shared_ptr<Reply> reply);

  TransferAgent& transfer_agent() { return transfer_agent_; }
  Recorder& recorder() { return recorder_; }
  const Validator& validator() const { return validator_; }
  const Sprinter& sprinter() const { return sprinter_; }
  const ServedModels& models() const { return models_; }

 private:
  const Identity self_;
  const LedgerPort ledger_;
  ServedModels models_;
  Recorder recorder_;
  KeepServer keep_server_;
  Executor executor_;
  TransferAgent transfer_agent_;
  const std::unique_ptr<OrderDesk> orders_;
  Checker checker_;
  Validator validator_;
  Committee committee_;
  Sprinter sprinter_;
  SprintChecker sprint_checker_;
};

}  // namespace gonka::node
