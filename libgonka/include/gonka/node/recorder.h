#pragma once

// Writes a node's own events to the ledger: gathers them into batches under one signature, numbers
// the batches, sends again what did not get into a block, and says in the log what the rules
// refused.

#include <deque>
#include <map>

#include "gonka/node/environment.h"

namespace gonka::node {

struct RecorderOptions {
  int64_t gather_us = 40'000;  // How long the first event of a batch waits for company.
  uint64_t resend_blocks = 8;  // A batch that is not in a block by then is sent again.
  uint32_t resends_max = 20;
  size_t waiting_max = 65'536;  // Events; more are refused.
};

class Recorder {
 public:
  Recorder(Environment env, LedgerPort ledger, const Identity& self, NetworkId network,
           RecorderOptions options = {});
  ~Recorder();

  // False, and said in the log, where too many wait.
  bool Add(Event event);
  void OnBlock(const BlockFacts& block);
  // Events that are not known to be in a block.
  size_t pending() const;

 private:
  struct Sent {
    SignedTx tx;
    uint64_t sent_height = 0;
    uint32_t resends = 0;
  };

  void Flush();
  void OnRefused(const Sent& sent, const Receipt& receipt);
  void SendAgain();
  bool IsTaken(uint64_t sequence) const;
  uint64_t NextSequence();

  Environment env_;
  LedgerPort ledger_;
  const Identity& self_;
  NetworkId network_;
  RecorderOptions options_;
  std::deque<Event> waiting_;
  std::map<TxHash, Sent> sent_;
  Loop::TimerId timer_ = 0;
  uint64_t next_sequence_ = 0;
  uint64_t height_ = 0;
};

}  // namespace gonka::node
