#pragma once

// What executor and transfer agent keep of every answer until one epoch after settlement, and the
// service that shows it to those on duty, and to nobody else.

#include "gonka/node/environment.h"
#include "gonka/node/messages.h"

namespace gonka::node {

// Where payloads and artifacts lie; store::PayloadStore behind it, or memory.
class Keep {
 public:
  struct Item {
    static constexpr RecordKind kKind{205, 1};
    Payload payload;
    Text<64> kernel_class;  // The executor's arithmetic.
    verify::Artifact artifact;
    GONKA_FIELDS(Item, payload, kernel_class, artifact)
  };
  virtual ~Keep() = default;
  virtual absl::Status Put(const InferenceId& inference, uint64_t epoch, const Item& item) = 0;
  virtual std::optional<Item> Get(const InferenceId& inference) const = 0;
  virtual void DropEpoch(uint64_t epoch) = 0;
};

class KeepServer {
 public:
  KeepServer(Environment env, LedgerPort ledger, Keep& keep);

  void OnPayload(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply);
  void OnOpen(const Hash& caller, Bytes request, std::shared_ptr<Reply> reply);
  void OnBlock(const BlockFacts& block);

 private:
  absl::StatusOr<Keep::Item> Find(const Hash& caller, const InferenceId& inference) const;

  Environment env_;
  LedgerPort ledger_;
  Keep& keep_;
};

// Whether this account may see the record's payload now: its executor, its transfer agent, a
// validator whose turn has come, a member of an open case about it.
bool IsOnDuty(const ledger::View& view, const InferenceId& inference, const AccountId& account);

}  // namespace gonka::node
