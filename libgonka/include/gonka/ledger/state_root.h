#pragma once

// The hash of a whole state: its entries, ascending by key, are cut into chunks, and the root is
// that of the tree over the chunks (doc/protocol.md, section 5). The root of the state after an
// epoch's first block becomes a record kStateRootBlocks later, so that whoever trusts the app hash
// can take that state from anybody.
//
// The rules cannot see the state of another block: whoever executes blocks computes the root while
// that state is there and hands it to ApplyBlock when it is due.

#include <functional>

#include "gonka/base/status.h"
#include "gonka/ledger/state.h"
#include "gonka/ledger/view.h"

namespace gonka::ledger {

struct StateEntry {
  Blob<1024> key;
  Blob<4'194'304> value;
  GONKA_FIELDS(StateEntry, key, value)
};

// A chunk ends before the entry that would make its keys and values longer than this; an entry that
// is longer by itself is a chunk of its own.
inline constexpr size_t kStateChunkBytes = 1 << 20;
// Of an encoded chunk: entries without values, and one that is longer than all, fit.
inline constexpr size_t kStateChunkEncodedMax = 16 << 20;
inline constexpr uint32_t kStateChunksMax = 1 << 18;

struct StateChunk {
  static constexpr RecordKind kKind{204, 1};
  List<StateEntry, 1'048'576> entries;  // Ascending by key, over all chunks.
  GONKA_FIELDS(StateChunk, entries)
};

// Cuts the state; take gets each encoded chunk, in order. Stops where it fails.
absl::Status CutState(const View& state, const std::function<absl::Status(const Bytes&)>& take);
Hash StateRootOf(const View& state);

// Blocks between the first one of an epoch and the record, where the epoch is not shorter.
inline constexpr uint32_t kStateRootBlocks = 16;

// A root that is still to be recorded.
struct StateRootDue {
  uint64_t height = 0;       // After this block, the epoch's first, the state has the root.
  uint64_t recorded_at = 0;  // The block that records it.
};
// From the epoch's first block until the one before the record. Genesis is its own snapshot, so
// epoch 0 has none.
std::optional<StateRootDue> FindStateRootDue(const View& view);

// That of an epoch, once it is recorded and until the epoch is forgotten.
std::optional<StateRoot> FindStateRoot(const View& view, uint64_t epoch);
Bytes StateRootKey(uint64_t epoch);  // For proofs of it.

}  // namespace gonka::ledger
