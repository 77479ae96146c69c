#include "common/genesis_file.h"

#include <fmt/format.h>

#include "gonka/host/files.h"
#include "gonka/net/replication.h"

namespace gonka::apps {
namespace {

absl::Status CheckNetwork(const Genesis& genesis, const NetworkId& network,
                          const std::string& source) {
  const NetworkId found = NetworkIdOf(genesis);
  if (found == network) return absl::OkStatus();
  return absl::FailedPreconditionError(fmt::format(
      "the genesis of {} is that of network {}, not of {}", source, Hex(found), Hex(network)));
}

}  // namespace

absl::StatusOr<Genesis> ReadGenesisFile(const std::string& path) {
  GONKA_ASSIGN_OR_RETURN(const std::string bytes, host::ReadFile(path));
  const auto genesis = Decode<Genesis>(AsBytes(bytes));
  if (!genesis.ok()) return Annotate(genesis.status(), fmt::format("genesis '{}'", path));
  GONKA_RETURN_IF_ERROR(CheckGenesis(*genesis));
  return genesis;
}

absl::StatusOr<Genesis> GetGenesis(http::Client& client, const std::string& node_url,
                                   const NetworkId& network, const std::string& path) {
  auto genesis = ReadGenesisFile(path);
  if (genesis.ok()) {
    GONKA_RETURN_IF_ERROR(CheckNetwork(*genesis, network, path));
    return genesis;
  }
  if (!absl::IsNotFound(genesis.status())) return genesis.status();
  genesis = net::FetchGenesis(client, node_url);
  if (!genesis.ok()) return genesis.status();
  GONKA_RETURN_IF_ERROR(CheckNetwork(*genesis, network, node_url));
  GONKA_RETURN_IF_ERROR(host::WriteFileAtomic(path, Encode(*genesis)));
  return genesis;
}

}  // namespace gonka::apps
