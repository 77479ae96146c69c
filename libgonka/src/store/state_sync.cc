#include "gonka/store/state_sync.h"

#include <fmt/format.h>

#include <bit>
#include <filesystem>
#include <fstream>

#include "gonka/crypto/merkle.h"

namespace gonka::store {
namespace {

namespace fs = std::filesystem;

std::string ManifestFile(const std::string& directory) {
  return directory + "/manifest";
}
std::string ChunkFile(const std::string& directory, uint32_t index) {
  return fmt::format("{}/chunk-{:06}", directory, index);
}

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(fmt::format("cannot make {}: {}", directory, error.message()));
}

absl::Status Rename(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(fmt::format("cannot rename {}: {}", from, error.message()));
}

// Whole or not at all. Not synced: what a power failure damages is found by its hash.
absl::Status WriteFile(const std::string& path, ByteSpan bytes) {
  const std::string unfinished = path + ".part";
  std::ofstream out(unfinished, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) return absl::UnavailableError(fmt::format("cannot write {}", unfinished));
  return Rename(unfinished, path);
}

absl::StatusOr<Bytes> ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return absl::NotFoundError(fmt::format("there is no {}", path));
  return Bytes(std::istreambuf_iterator<char>(in), {});
}

absl::StatusOr<std::vector<Hash>> WriteChunks(const Snapshot& snapshot,
                                              const std::string& directory) {
  std::vector<Hash> hashes;
  GONKA_RETURN_IF_ERROR(ledger::CutState(snapshot, [&](const Bytes& chunk) {
    if (hashes.size() == ledger::kStateChunksMax) {
      return absl::ResourceExhaustedError(
          fmt::format("the state has more than {} chunks", ledger::kStateChunksMax));
    }
    const auto index = static_cast<uint32_t>(hashes.size());
    hashes.push_back(MerkleLeaf(chunk));
    return WriteFile(ChunkFile(directory, index), chunk);
  }));
  GONKA_RETURN_IF_ERROR(snapshot.status());
  return hashes;
}

// The block's own words; that the state is the one after it, Commit asks.
absl::Status CheckBlock(const Block& block, const ledger::Chain& chain) {
  const BlockHeader& header = block.header;
  const auto refuse = [&](const std::string& why) {
    return absl::InvalidArgumentError(
        fmt::format("the snapshot's block {}: {}", header.height, why));
  };
  if (header.network != chain.network) {
    return refuse(fmt::format("belongs to network {}, the state to {}", Hex(header.network),
                              Hex(chain.network)));
  }
  if (header.height != chain.height || header.time_us != chain.time_us) {
    return refuse(fmt::format("the state is the one after block {}", chain.height));
  }
  if (header.proposer != chain.sequencer ||
      !VerifySignature(chain.sequencer.value, HashOf(header).value, block.signature)) {
    return refuse(fmt::format("is not signed by the sequencer {}", Hex(chain.sequencer)));
  }
  if (TxsRoot(block.txs) != header.txs_root) return refuse("has other transactions");
  return absl::OkStatus();
}

}  // namespace

Hash StateRootOf(const StateManifest& manifest) {
  return MerkleRoot(manifest.chunks);
}

absl::StatusOr<StateManifest> ExportState(const Snapshot& snapshot, const std::string& directory) {
  std::error_code error;
  if (fs::exists(directory, error)) {
    return absl::AlreadyExistsError(fmt::format("{} is there already", directory));
  }
  if (snapshot.height() == 0) {
    return absl::FailedPreconditionError("genesis is its own snapshot: there is no block yet");
  }
  StateManifest manifest;
  GONKA_ASSIGN_OR_RETURN(manifest.block, snapshot.GetBlock(snapshot.height()));
  const std::string unfinished = directory + ".part";
  fs::remove_all(unfinished, error);  // Of an export that was cut off.
  GONKA_RETURN_IF_ERROR(MakeDirectory(unfinished));
  GONKA_ASSIGN_OR_RETURN(const std::vector<Hash> chunks, WriteChunks(snapshot, unfinished));
  manifest.chunks.assign(chunks.begin(), chunks.end());
  GONKA_RETURN_IF_ERROR(WriteFile(ManifestFile(unfinished), Encode(manifest)));
  GONKA_RETURN_IF_ERROR(Rename(unfinished, directory));
  return manifest;
}

absl::StatusOr<StateManifest> ReadStateManifest(const std::string& directory) {
  GONKA_ASSIGN_OR_RETURN(const Bytes bytes, ReadFile(ManifestFile(directory)));
  absl::StatusOr<StateManifest> manifest = Decode<StateManifest>(bytes);
  if (manifest.ok()) return manifest;
  return absl::DataLossError(
      fmt::format("{} is damaged: {}", ManifestFile(directory), Message(manifest.status())));
}

absl::StatusOr<Bytes> ReadStateChunk(const std::string& directory, uint32_t index) {
  return ReadFile(ChunkFile(directory, index));
}

StateImport::StateImport(std::string directory, StateManifest manifest)
    : directory_(std::move(directory)),
      manifest_(std::move(manifest)),
      present_(manifest_.chunks.size()) {}

absl::StatusOr<std::unique_ptr<StateImport>> StateImport::Open(const std::string& directory,
                                                               const StateManifest& manifest,
                                                               const Hash& trusted_root) {
  const Hash root = StateRootOf(manifest);
  if (root != trusted_root) {
    return absl::InvalidArgumentError(
        fmt::format("the snapshot after block {} has state root {}, the ledger says {}",
                    manifest.block.header.height, Hex(root), Hex(trusted_root)));
  }
  GONKA_RETURN_IF_ERROR(MakeDirectory(directory));
  GONKA_RETURN_IF_ERROR(WriteFile(ManifestFile(directory), Encode(manifest)));
  std::unique_ptr<StateImport> import(new StateImport(directory, manifest));
  for (uint32_t i = 0; i < manifest.chunks.size(); ++i) {
    const absl::StatusOr<Bytes> chunk = ReadStateChunk(directory, i);
    import->present_[i] = chunk.ok() && MerkleLeaf(*chunk) == manifest.chunks[i];
    std::error_code error;
    if (chunk.ok() && !import->present_[i]) fs::remove(ChunkFile(directory, i), error);
  }
  return import;
}

std::vector<uint32_t> StateImport::Missing() const {
  std::vector<uint32_t> missing;
  for (uint32_t i = 0; i < present_.size(); ++i) {
    if (!present_[i]) missing.push_back(i);
  }
  return missing;
}

absl::Status StateImport::Add(uint32_t index, ByteSpan chunk) {
  if (index >= present_.size()) {
    return absl::OutOfRangeError(
        fmt::format("the snapshot has {} chunks, no number {}", present_.size(), index));
  }
  if (present_[index]) return absl::AlreadyExistsError(fmt::format("chunk {} is there", index));
  const Hash hash = MerkleLeaf(chunk);
  if (hash != manifest_.chunks[index]) {
    return absl::InvalidArgumentError(
        fmt::format("chunk {} of the snapshot after block {} has hash {}, not {}", index,
                    manifest_.block.header.height, Hex(hash), Hex(manifest_.chunks[index])));
  }
  GONKA_RETURN_IF_ERROR(WriteFile(ChunkFile(directory_, index), chunk));
  present_[index] = true;
  return absl::OkStatus();
}

absl::Status StateImport::Commit(Database& database, const Genesis& genesis) const {
  if (const size_t missing = Missing().size(); missing > 0) {
    return absl::FailedPreconditionError(
        fmt::format("{} of {} chunks are missing", missing, present_.size()));
  }
  std::vector<StateWrite> state;
  std::optional<ledger::Chain> chain;
  for (uint32_t i = 0; i < present_.size(); ++i) {
    GONKA_ASSIGN_OR_RETURN(const Bytes bytes, ReadStateChunk(directory_, i));
    // Read again, and not what was checked when it came: files can change.
    if (MerkleLeaf(bytes) != manifest_.chunks[i]) {
      return absl::DataLossError(fmt::format("{} is damaged", ChunkFile(directory_, i)));
    }
    GONKA_ASSIGN_OR_RETURN(StateChunk chunk, Decode<StateChunk>(bytes));
    for (StateEntry& entry : chunk.entries) {
      if (!state.empty() && !(static_cast<const Bytes&>(state.back().key) < entry.key)) {
        return absl::InvalidArgumentError(
            fmt::format("chunk {}: key {} is not in order", i, Hex(entry.key)));
      }
      if (AsText(entry.key) == "c") {
        GONKA_ASSIGN_OR_RETURN(chain, Decode<ledger::Chain>(entry.value));
      }
      state.push_back({.key = std::move(entry.key), .value = std::move(entry.value)});
    }
  }
  if (!chain) return absl::InvalidArgumentError("the snapshot has no Chain record");
  if (const NetworkId network = NetworkIdOf(genesis); chain->network != network) {
    return absl::InvalidArgumentError(fmt::format("the snapshot is of network {}, genesis of {}",
                                                  Hex(chain->network), Hex(network)));
  }
  if (chain->history.peaks.size() != static_cast<size_t>(std::popcount(chain->history.size))) {
    return absl::InvalidArgumentError(
        fmt::format("the snapshot's history of {} blocks has {} peaks", chain->history.size,
                    chain->history.peaks.size()));
  }
  GONKA_RETURN_IF_ERROR(CheckBlock(manifest_.block, *chain));
  return database.CommitState(genesis, manifest_.block, chain->history, state);
}

}  // namespace gonka::store
