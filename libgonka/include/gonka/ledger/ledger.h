#pragma once

// The rules: a pure function from a state and a block to the next state, its receipts and notices,
// and the app hash. No clock, no randomness, no threads, no floats. Signatures of transactions are
// checked before (consensus does it in a pool); signatures inside events are checked here.

#include <span>
#include <vector>

#include "gonka/ledger/state.h"
#include "gonka/ledger/view.h"
#include "gonka/protocol/block.h"

namespace gonka::ledger {

// A transaction whose signature and network have been checked.
struct VerifiedTx {
  SignedTx tx;
  TxHash hash;
};

struct BlockResult {
  std::vector<StateWrite> writes;  // Ascending by key, each key once; chain bookkeeping included.
  std::vector<Receipt> receipts;   // One an event, in order.
  std::vector<Notice> notices;
  // The block's leaves in the history, encoded, in order: the state writes but for the Chain record
  // (which holds the tree itself), receipts, notices. Empty where the block changed nothing.
  std::vector<Bytes> leaves;
  std::optional<BlockLeaf> block_leaf;  // Missing where the block changed nothing.
  Hash app_hash;                        // After this block.
};

// The state before the first block. Fails where CheckGenesis does.
absl::StatusOr<BlockResult> ApplyGenesis(const Genesis& genesis);

// The header must follow the view's chain state: height, network, ascending time, a link that
// continues the proposer's chain where there is one. Anything else is refused whole, with no
// effect.
//
// state_root: of the epoch's first state, where this block records it (state_root.h);
// kFailedPrecondition where it is due and not given. Other blocks do not look at it.
absl::StatusOr<BlockResult> ApplyBlock(const View& view, const BlockHeader& header,
                                       std::span<const VerifiedTx> txs,
                                       const std::optional<StateRoot>& state_root = std::nullopt);

// Would this transaction be taken now? For admission only: format, sequence window, known sender.
TxCode CheckAdmission(const View& view, const SignedTx& tx);

// The invariants that hold after every block, recomputed from the whole state the slow way: totals
// against a scan, conservation, one terminal state a record. For tests and audits.
absl::Status CheckInvariants(const View& view);

}  // namespace gonka::ledger
