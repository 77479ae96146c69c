#pragma once

// What a node shows to everybody (doc/http_api.md, sections 2 and 5): the ledger as JSON, proofs,
// the checks that this node did, health and metrics. Reads snapshots on the HTTP server's threads.

#include <functional>
#include <memory>

#include "gonka/consensus/chain.h"
#include "gonka/http/server.h"
#include "gonka/net/metrics.h"
#include "gonka/node/node.h"

namespace gonka::net {

// All must outlive the Explorer.
struct ExplorerEnvironment {
  Loop& loop;
  consensus::Chain& chain;
  node::Node& node;
  Metrics& metrics;
  AccountId self;
  std::function<bool()> caught_up;  // Any thread.
  // What the owner adds to /metrics. Any thread.
  std::function<std::vector<Gauge>()> gauges;
};

class Explorer {
 public:
  // Adds its routes; before server.Start.
  Explorer(http::Server& server, ExplorerEnvironment env);
  ~Explorer();  // On the loop, after the server's Stop and before the node's end.

 private:
  struct Core;
  std::shared_ptr<Core> core_;
};

}  // namespace gonka::net
