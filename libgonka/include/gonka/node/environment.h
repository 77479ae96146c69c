#pragma once

// What every service of a node is given at construction. Services run to completion on one loop:
// every method of theirs is called on the loop's thread only, unless its comment says otherwise.

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gonka/base/loop.h"
#include "gonka/base/transport.h"
#include "gonka/engine/engine.h"
#include "gonka/ledger/queries.h"
#include "gonka/protocol/block.h"

namespace gonka::node {

struct Environment {
  Loop& loop;
  Entropy& entropy;
  Transport& transport;
  Log& log;
};

// For whom the node acts, and the key with which it signs: the account's own, or a warm key that
// the account has delegated `speaks` and the node's events to.
struct Identity {
  AccountId account;
  KeyPair key;

  bool IsWarm() const { return AccountOf(key.public_key()) != account; }
};

// The node's own copy of the ledger.
struct LedgerPort {
  // The newest committed state; immutable. Cheap: called several times a request.
  std::function<std::shared_ptr<const ledger::View>()> snapshot;
  // Hands a transaction to whoever orders. May be dropped; the recorder sends again.
  std::function<void(const SignedTx&)> submit;
};

// What a committed block said, as the services hear it.
struct BlockFacts {
  BlockHeader header;
  BlockHash hash;
  std::vector<Receipt> receipts;
  std::vector<Notice> notices;
};

// The text side of one model: chat template, tokenizer, stop tokens. Const methods are called from
// the loop and from API threads at the same time.
class TextModel {
 public:
  // Watches one answer for stop strings.
  class StopWatch {
   public:
    virtual ~StopWatch() = default;
    // True once the text up to and with this token contains a stop string.
    virtual bool OnToken(uint32_t id) = 0;
  };

  virtual ~TextModel() = default;
  virtual absl::StatusOr<std::vector<uint32_t>> PromptTokens(
      const CanonicalRequest& request) const = 0;
  virtual std::vector<uint32_t> StopIds() const = 0;
  virtual std::unique_ptr<StopWatch> WatchStops(std::span<const std::string> stop) const = 0;
};

// One model as this node serves it: the text side, and the ML nodes that run it (may be none: then
// the node can neither execute nor check, only transfer).
struct ServedModel {
  std::shared_ptr<const TextModel> text;
  std::vector<std::shared_ptr<engine::Engine>> engines;
};
using ServedModels = std::map<ModelId, ServedModel>;

}  // namespace gonka::node
