#include "gonka/consensus/sequencer.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/ledger/queries.h"

namespace gonka::consensus {

Sequencer::Sequencer(const KeyPair& key, BeaconChain beacon, Chain& chain)
    : key_(key), account_(AccountOf(key.public_key())), beacon_(std::move(beacon)), chain_(chain) {}

absl::StatusOr<std::unique_ptr<Sequencer>> Sequencer::Create(const KeyPair& key, BeaconChain beacon,
                                                             Chain& chain) {
  std::unique_ptr<Sequencer> sequencer(new Sequencer(key, std::move(beacon), chain));
  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, chain.Snapshot());
  const ledger::Chain state = ledger::ReadChain(*snapshot);
  if (state.sequencer != sequencer->account_) {
    return absl::FailedPreconditionError(
        fmt::format("the sequencer of network {} is {}, this node is {}", Hex(state.network),
                    Hex(state.sequencer), Hex(sequencer->account_)));
  }
  // Every chain before the current one has given at most length links.
  const uint64_t chains_at_least = state.beacon_links / sequencer->beacon_.length();
  sequencer->beacon_.SearchFrom(chains_at_least > 0 ? chains_at_least - 1 : 0);
  const auto head = ledger::NextChainHead(*snapshot, sequencer->account_);
  if (head && !head->IsZero()) {
    GONKA_RETURN_IF_ERROR(sequencer->beacon_.Remaining(*head).status());
  }
  return sequencer;
}

absl::StatusOr<Block> Sequencer::ProduceBlock(uint64_t time_us) {
  GONKA_ASSIGN_OR_RETURN(store::SnapshotPtr snapshot, chain_.Snapshot());
  const ledger::Chain state = ledger::ReadChain(*snapshot);
  const store::Tip& tip = snapshot->tip();
  const ApplicationOptions& limits = chain_.application().options();

  Block block;
  GONKA_ASSIGN_OR_RETURN(block.txs, chain_.application().PrepareProposal(chain_.mempool().Pick(
                                        limits.block_txs_max, limits.block_bytes_max)));
  BlockHeader& header = block.header;
  header.network = tip.network;
  header.height = tip.height + 1;
  header.time_us = std::max(time_us, state.time_us + 1);
  header.previous = tip.hash;
  header.app_hash = tip.app_hash;
  header.txs_root = TxsRoot(block.txs);
  GONKA_ASSIGN_OR_RETURN(header.link, NextLink(*snapshot));
  header.proposer = account_;
  block.signature = key_.Sign(HashOf(header).value);

  snapshot.reset();
  GONKA_RETURN_IF_ERROR(chain_.Append(block).status());
  return block;
}

absl::StatusOr<std::optional<Hash>> Sequencer::NextLink(const store::Snapshot& snapshot) {
  if (!ledger::DrawsPending(snapshot)) return std::optional<Hash>();
  const std::optional<Hash> head = ledger::NextChainHead(snapshot, account_);
  if (!head || head->IsZero()) return std::optional<Hash>();
  absl::StatusOr<Hash> link = beacon_.LinkBefore(*head);
  // Draws wait until the next chain takes over; everything else goes on.
  if (absl::IsResourceExhausted(link.status())) return std::optional<Hash>();
  GONKA_RETURN_IF_ERROR(link.status());
  return std::optional<Hash>(*link);
}

absl::StatusOr<std::optional<CommitBeacon>> Sequencer::Renewal() {
  GONKA_ASSIGN_OR_RETURN(const store::SnapshotPtr snapshot, chain_.Snapshot());
  const auto participant = ledger::FindParticipant(*snapshot, account_);
  if (!participant || participant->next_chain_end) return std::optional<CommitBeacon>();
  if (participant->chain_head.IsZero()) return std::optional(CommitBeacon{beacon_.End(0)});
  GONKA_ASSIGN_OR_RETURN(const uint32_t left, beacon_.Remaining(participant->chain_head));
  const uint64_t epoch_blocks = ledger::ReadParams(*snapshot).time.epoch_blocks;
  if (left >= 2 * epoch_blocks) return std::optional<CommitBeacon>();
  return std::optional(CommitBeacon{beacon_.End(beacon_.generation() + 1)});
}

}  // namespace gonka::consensus
