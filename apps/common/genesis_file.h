#pragma once

// A network's genesis, on disk and from a node.

#include <string>

#include "gonka/http/client.h"
#include "gonka/protocol/genesis.h"

namespace gonka::apps {

absl::StatusOr<Genesis> ReadGenesisFile(const std::string& path);

// Fetches the genesis from any node and writes it to the file. network must come from somewhere
// else than that node: the genesis is refused where it is another network's. A file that is there
// already is read, and must be this network's too.
absl::StatusOr<Genesis> GetGenesis(http::Client& client, const std::string& node_url,
                                   const NetworkId& network, const std::string& path);

}  // namespace gonka::apps
