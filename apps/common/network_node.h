#pragma once

// The frame of every network node program: flags, a participant's node, until a signal comes.

#include <functional>

#include "gonka/net/participant_node.h"

namespace gonka::apps {

struct NetworkNodeFlags {
  std::string data;
  std::string genesis;
  std::string key;
  std::string account;
  std::string listen = "127.0.0.1:7101";
  std::vector<std::string> models;
  std::vector<std::string> ml_nodes;
  bool allow_private = false;
  uint32_t snapshots = 2;
  bool from_snapshot = false;
  std::vector<std::string> snapshot_sources;
  uint32_t beacon_chain_length = consensus::BeaconChain::kDefaultLength;
  std::string log_level = "info";
};

// The configuration file of a node that is started with these arguments: every option that there
// is, with what it is for.
std::string NetworkNodeConfig(const std::vector<std::string>& arguments);

// A file that NetworkNodeConfig wrote, or a person. InvalidArgument names what is wrong in it.
absl::StatusOr<NetworkNodeFlags> ReadNetworkNodeConfig(const std::string& path);

using Adjust = std::function<void(const KeyPair& key, net::ParticipantOptions& options)>;

// The program's exit status. adjust may be empty.
int RunNetworkNode(int argc, char** argv, const char* description, const Adjust& adjust);

}  // namespace gonka::apps
