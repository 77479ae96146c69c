#pragma once

// What a database should hold: the ledger's state built again in memory from the recorded blocks,
// compared with the recording as it grows. For audits.
//
// Keeps the state, not the archive: a block's archive is compared when the block is taken.
// One thread at a time.

#include <map>
#include <optional>
#include <string>

#include "gonka/ledger/ledger.h"
#include "gonka/store/snapshot.h"

namespace gonka::store {

struct Mutation;

class Shadow final : public ledger::View {
 public:
  Shadow();
  Shadow(const Shadow&) = delete;
  ~Shadow() override;

  // How the recording differs from what the blocks give; nothing where it does not. A status where
  // the recording cannot be read.
  using Difference = std::optional<std::string>;

  std::optional<Bytes> Get(ByteSpan key) const override;
  void Scan(ByteSpan prefix, ByteSpan from,
            const std::function<bool(ByteSpan key, ByteSpan value)>& visit) const override;

  // The last block that was taken.
  const Tip& tip() const { return tip_; }

  void TakeGenesis(const Genesis& genesis, const ledger::BlockResult& result);
  void TakeBlock(const Block& block, const ledger::BlockResult& result);

  // Everything but the state that the block taken last should have left in the archive: block,
  // leaves, nodes of the history, and the indexes of transactions and notices.
  absl::StatusOr<Difference> CompareArchive(const Snapshot& recorded) const;
  // Every entry of the state, and where proofs find it. The recording's tip must be tip().
  absl::StatusOr<Difference> CompareState(const Snapshot& recorded) const;

 private:
  void Take(std::vector<Mutation> mutations);

  Tip tip_;
  std::map<Bytes, Bytes> state_;   // As the table of states: position, then value.
  std::vector<Mutation> archive_;  // Of the last block.
};

}  // namespace gonka::store
