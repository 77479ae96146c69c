#pragma once

// How blocks and transactions travel: followers fetch signed blocks from any node that has them
// (GET /gonka/v1/blocks, waiting for new ones), and everybody posts transactions to the sequencer
// (POST /gonka/v1/tx). Both are public: what they carry is signed.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "gonka/base/loop.h"
#include "gonka/consensus/chain.h"
#include "gonka/consensus/follower.h"
#include "gonka/http/client.h"
#include "gonka/http/server.h"
#include "gonka/ledger/queries.h"

namespace gonka::net {

inline constexpr size_t kBlocksBytesMax = 8 << 20;

// GET /gonka/v1/blocks?from=H&wait_ms=N  -> frames, each an encoded Block, from height H on; waits
// at
//     most N ms (at most 30,000) for the first one. Empty where none came.
// POST /gonka/v1/tx  an encoded SignedTx -> {"code": "ok"}; 429 where the mempool is full.
// GET /gonka/v1/genesis -> the encoded Genesis.
// At most 256 requests wait for blocks at a time; one more is answered at once.
class BlockServer {
 public:
  // chain and loop must outlive the server's Stop.
  BlockServer(http::Server& server, Loop& loop, consensus::Chain& chain);
  ~BlockServer();

 private:
  struct Waiting {
    uint64_t from = 0;
    std::shared_ptr<http::Responder> responder;
  };
  void OnBlocks(const http::Request& request, std::shared_ptr<http::Responder> responder);
  void OnTx(const http::Request& request, http::Responder& responder);
  void AnswerWaiting();
  void Answer(uint64_t from, http::Responder& responder);

  Loop& loop_;
  consensus::Chain& chain_;
  consensus::Chain::SubscriptionId subscription_;
  std::mutex mutex_;
  std::map<uint64_t, Waiting> waiting_;
  uint64_t next_waiting_ = 1;
  std::shared_ptr<bool> alive_;
};

// Fetches blocks and feeds a follower, on a thread of its own: the chain's writer.
class BlockFetcher {
 public:
  // sources are base URLs, the sequencer's first. on_halt is called once, on the fetcher's thread,
  // where the follower stops for good.
  BlockFetcher(http::Client& client, std::vector<std::string> sources,
               consensus::Follower& follower, Log& log,
               std::function<void(const consensus::Halt&)> on_halt);
  ~BlockFetcher();  // Stops.

  // Whether the last fetch reached the sequencer and found at most one block beyond ours.
  bool caught_up() const { return caught_up_; }

 private:
  void Run();
  absl::Status FetchFrom(const std::string& source, uint64_t wait_ms);
  bool Sleep(int64_t us);

  http::Client& client_;
  const std::vector<std::string> sources_;
  consensus::Follower& follower_;
  Log& log_;
  const std::function<void(const consensus::Halt&)> on_halt_;
  std::atomic<bool> caught_up_{false};
  std::mutex mutex_;
  std::condition_variable stop_signal_;
  bool stop_ = false;
  std::thread thread_;
};

// Where the sequencer is reached: where the ledger says now, or, once it is no participant any
// more, where genesis says.
std::string SequencerUrl(const ledger::View& view, const Genesis& genesis);
// Whom to ask for blocks: the sequencer first, then every other participant but self.
std::vector<std::string> BlockSources(const ledger::View& view, const Genesis& genesis,
                                      const AccountId& self);

// Fetches the genesis record of a network from one of its nodes.
absl::StatusOr<Genesis> FetchGenesis(http::Client& client, const std::string& url);

}  // namespace gonka::net
