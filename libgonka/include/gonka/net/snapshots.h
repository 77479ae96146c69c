#pragma once

// How newcomers come by the ledger's state without executing it from genesis: every node exports
// the state once an epoch and hands it out in chunks; a newcomer takes one that the ledger itself
// vouches for (gonka/store/snapshot_offer.h says what it trusts), from whoever has it.

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gonka/consensus/chain.h"
#include "gonka/http/client.h"
#include "gonka/http/server.h"
#include "gonka/store/snapshot_offer.h"

namespace gonka::net {

struct SnapshotOptions {
  std::string directory;  // Its own.
  size_t keep = 2;        // The newest so many; older ones are removed.
};

// GET /gonka/v1/snapshot -> an encoded SnapshotOffer: the newest whose root is on the ledger.
// GET /gonka/v1/snapshot/{root}/{index} -> an encoded StateChunk.
// At most 16 chunks are read from disk at a time; one more is answered 503.
class SnapshotServer {
 public:
  // Must be made before anything is appended to the chain. The chain must outlive the server's
  // Stop.
  SnapshotServer(http::Server& server, consensus::Chain& chain, Log& log, SnapshotOptions options);
  ~SnapshotServer();  // Waits for an export that is under way.

 private:
  struct Export {
    std::string directory;
    store::StateManifest manifest;
    Hash root;
    std::string offer;  // Encoded, once it can be made.
  };

  void Load();
  void OnBlock();
  void Run(const store::SnapshotPtr& snapshot);
  void Take(Export made);
  void OnOffer(http::Responder& responder);
  void OnChunk(const http::Request& request, http::Responder& responder);

  consensus::Chain& chain_;
  Log& log_;
  const SnapshotOptions options_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<Export>> exports_;  // Ascending by height.
  std::atomic<int> chunks_{0};                    // Being sent.
  std::thread exporter_;
  consensus::Chain::SubscriptionId subscription_ = 0;
};

// Brings the state of the newest sound offer into an empty database and says after which block it
// is. What has come is kept in the directory until then: called again, it goes on, and prefers the
// snapshot that it had begun with. kNotFound where no source has a snapshot; kUnavailable where the
// sources ended before the chunks did.
absl::StatusOr<uint64_t> FetchSnapshot(http::Client& client,
                                       const std::vector<std::string>& sources,
                                       const Genesis& genesis, const std::string& directory,
                                       store::Database& database, Log& log);

// What a node does before it opens its chain: nothing where the database has a state; from genesis
// where nobody has a snapshot yet.
absl::Status BeginWithSnapshot(http::Client& client, const std::vector<std::string>& sources,
                               const Genesis& genesis, const std::string& data_directory,
                               store::Database& database, Log& log);

// The sources that are given, then genesis' participants but self.
std::vector<std::string> SnapshotSources(const std::vector<std::string>& given,
                                         const Genesis& genesis, const AccountId& self);

}  // namespace gonka::net
