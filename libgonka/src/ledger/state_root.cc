#include "gonka/ledger/state_root.h"

#include <fmt/format.h>

#include <algorithm>

#include "gonka/ledger/queries.h"
#include "ledger/keys.h"
#include "ledger/stored.h"

namespace gonka::ledger {

absl::Status CutState(const View& state, const std::function<absl::Status(const Bytes&)>& take) {
  StateChunk chunk;
  size_t bytes = 0;
  absl::Status status;
  const auto flush = [&] {
    status = take(Encode(chunk));
    chunk.entries.clear();
    bytes = 0;
  };
  state.Scan({}, {}, [&](ByteSpan key, ByteSpan value) {
    const size_t size = key.size() + value.size();
    if (!chunk.entries.empty() && bytes + size > kStateChunkBytes) flush();
    bytes += size;
    chunk.entries.push_back({.key = ToBytes(key), .value = ToBytes(value)});
    return status.ok();
  });
  if (status.ok()) flush();
  return status;
}

Hash StateRootOf(const View& state) {
  std::vector<Hash> chunks;
  const absl::Status cut = CutState(state, [&](const Bytes& chunk) {
    chunks.push_back(MerkleLeaf(chunk));
    return absl::OkStatus();
  });
  GONKA_CHECK(cut.ok());
  return MerkleRoot(chunks);
}

std::optional<StateRootDue> FindStateRootDue(const View& view) {
  const Chain chain = ReadChain(view);
  if (chain.epoch == 0) return std::nullopt;
  const uint32_t epoch_blocks = ReadParams(view).time.epoch_blocks;
  const StateRootDue due{
      .height = chain.epoch_first_height,
      .recorded_at = chain.epoch_first_height + std::min(kStateRootBlocks, epoch_blocks - 1)};
  if (chain.height >= due.recorded_at) return std::nullopt;
  return due;
}

std::optional<StateRoot> FindStateRoot(const View& view, uint64_t epoch) {
  const std::optional<Bytes> bytes = view.Get(keys::OfStateRoot(epoch).span());
  if (!bytes) return std::nullopt;
  return DecodeStored<StateRoot>(*bytes);
}

Bytes StateRootKey(uint64_t epoch) {
  return ToBytes(keys::OfStateRoot(epoch).span());
}

}  // namespace gonka::ledger
