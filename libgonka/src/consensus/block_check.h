#pragma once

// What a block says about itself, and whether it follows the tip. None of these executes it.
// kInvalidArgument says what is wrong, with the values.

#include "gonka/store/records.h"

namespace gonka::consensus {

// It is this network's, proposed by the sequencer and signed by it.
absl::Status CheckSignedBy(const Block& block, const NetworkId& network,
                           const AccountId& sequencer);
// The header covers these very transactions.
absl::Status CheckTxs(const Block& block);
absl::Status CheckPrevious(const BlockHeader& header, const store::Tip& tip);
absl::Status CheckAppHash(const BlockHeader& header, const store::Tip& tip);

}  // namespace gonka::consensus
