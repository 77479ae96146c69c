#include "consensus/block_check.h"

#include <fmt/format.h>

namespace gonka::consensus {
namespace {

absl::Status Refuse(const BlockHeader& header, const std::string& why) {
  return absl::InvalidArgumentError(fmt::format("block {}: {}", header.height, why));
}

}  // namespace

absl::Status CheckSignedBy(const Block& block, const NetworkId& network,
                           const AccountId& sequencer) {
  const BlockHeader& header = block.header;
  if (header.network != network) {
    return Refuse(header,
                  fmt::format("belongs to network {}, not {}", Hex(header.network), Hex(network)));
  }
  if (header.proposer != sequencer) {
    return Refuse(header, fmt::format("proposed by {}, the sequencer is {}", Hex(header.proposer),
                                      Hex(sequencer)));
  }
  const BlockHash hash = HashOf(header);
  if (!VerifySignature(sequencer.value, hash.value, block.signature)) {
    return Refuse(header, fmt::format("the signature over hash {} is not the sequencer's ({})",
                                      Hex(hash), Hex(sequencer)));
  }
  return absl::OkStatus();
}

absl::Status CheckTxs(const Block& block) {
  const Hash root = TxsRoot(block.txs);
  if (root == block.header.txs_root) return absl::OkStatus();
  return Refuse(block.header, fmt::format("its transactions have root {}, its header says {}",
                                          Hex(root), Hex(block.header.txs_root)));
}

absl::Status CheckPrevious(const BlockHeader& header, const store::Tip& tip) {
  if (header.height != tip.height + 1) {
    return Refuse(header, fmt::format("does not follow block {}", tip.height));
  }
  if (header.previous == tip.hash) return absl::OkStatus();
  return Refuse(header, fmt::format("builds on {}, our block {} is {}", Hex(header.previous),
                                    tip.height, Hex(tip.hash)));
}

absl::Status CheckAppHash(const BlockHeader& header, const store::Tip& tip) {
  if (header.app_hash == tip.app_hash) return absl::OkStatus();
  return Refuse(header, fmt::format("its app hash after block {} is {}, ours is {}", tip.height,
                                    Hex(header.app_hash), Hex(tip.app_hash)));
}

}  // namespace gonka::consensus
