#pragma once

// The database as it stood after one block: the ledger's state, and everything that was committed
// up to then. It costs about a microsecond to take and does not see later commits.
//
// Any thread may take one; each is used by one thread at a time, for a bounded time: while an old
// snapshot lives, LMDB cannot reuse the space of what was overwritten since (and memory is not
// freed). A snapshot may outlive its Database.

#include <memory>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/ledger/overlay.h"
#include "gonka/protocol/genesis.h"
#include "gonka/store/records.h"

namespace gonka::store {

class KvReader;

class Snapshot final : public ledger::View {
 public:
  Snapshot(std::shared_ptr<const KvReader> reader, Tip tip);
  ~Snapshot() override;

  // The ledger's state. View has no room for an error: where the disk fails, keys look absent and
  // status() says so from then on. Whoever computes something from the state asks it afterwards.
  std::optional<Bytes> Get(ByteSpan key) const override;
  void Scan(ByteSpan prefix, ByteSpan from,
            const std::function<bool(ByteSpan key, ByteSpan value)>& visit) const override;
  absl::Status status() const;

  const Tip& tip() const { return tip_; }
  uint64_t height() const { return tip_.height; }

  // The archive. kNotFound names the height that is not there.
  absl::StatusOr<Genesis> GetGenesis() const;
  absl::StatusOr<BlockInfo> GetInfo(uint64_t height) const;  // From 0, genesis.
  absl::StatusOr<BlockHeader> GetHeader(uint64_t height) const;
  absl::StatusOr<Block> GetBlock(uint64_t height) const;
  // Blocks from this height on, as they were encoded, at most bytes_max together but at least one
  // where there is one. None where the archive begins later. What other nodes fetch.
  std::vector<Bytes> EncodedBlocks(uint64_t from, size_t bytes_max) const;

  absl::StatusOr<std::vector<Receipt>> GetReceipts(uint64_t height) const;
  absl::StatusOr<std::vector<Notice>> GetNotices(uint64_t height) const;
  absl::StatusOr<Notice> GetNotice(uint64_t height, uint32_t index) const;
  // All leaves of a block, encoded, in order.
  absl::StatusOr<std::vector<Bytes>> GetLeaves(uint64_t height) const;

  // Where the first receipt of a transaction is.
  absl::StatusOr<TxPosition> FindTx(const TxHash& tx) const;
  // The leaf that last wrote this state key; kNotFound where the key is not in the state.
  absl::StatusOr<LeafPosition> FindStateLeaf(ByteSpan key) const;
  // Notices about something, oldest first, from this height on: about an inference by its id; about
  // a case by its id; about a participant (joined, convicted, paid, withheld, reputation, votes) by
  // its account; refunds also by the developer's account.
  std::vector<NoticePosition> FindNotices(const Hash& subject, uint64_t from_height,
                                          size_t limit) const;

  // What the blocks since then, committed with keep_before, have overwritten.
  absl::StatusOr<ledger::Overlay::Changes> GetStateBefore() const;

  // Nodes of the history tree, for proofs.
  absl::StatusOr<Hash> GetHistoryNode(uint32_t level, uint64_t index) const;

  // The bare tables, for the store itself.
  const KvReader& reader() const { return *reader_; }

 private:
  std::shared_ptr<const KvReader> reader_;
  Tip tip_;
};
using SnapshotPtr = std::shared_ptr<const Snapshot>;

}  // namespace gonka::store
