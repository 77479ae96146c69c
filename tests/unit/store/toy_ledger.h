#pragma once

// Blocks and results as the store sees them, without the rules: enough to fill a database with
// whatever a test wants to read back.

#include <fmt/format.h>
#include <stdlib.h>

#include <filesystem>
#include <functional>

#include "gonka/ledger/ledger.h"
#include "gonka/store/database.h"

namespace gonka {

class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "gonka-test-XXXXXX").string();
    GONKA_CHECK(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TempDirectory(const TempDirectory&) = delete;
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// Nothing here cuts the power: a kill loses nothing without it, and disks are slow.
inline constexpr store::LmdbOptions kNoSync{.sync = false};

// The same test over memory and over LMDB.
inline void WithEachDatabase(const std::function<void(std::unique_ptr<store::Database>)>& test) {
  test(store::Database::InMemory());
  const TempDirectory directory;
  auto database = store::Database::OpenLmdb(directory.path(), kNoSync);
  GONKA_CHECK(database.ok());
  test(*std::move(database));
}

inline Bytes Text2Bytes(std::string_view text) {
  return ToBytes(AsBytes(text));
}
inline Hash HashOfText(std::string_view text) {
  return Blake2b(AsBytes(text));
}

struct ToyBlock {
  Block block;
  ledger::BlockResult result;
};

// Makes what the ledger would: leaves, their root, the history's root.
class ToyLedger {
 public:
  explicit ToyLedger(std::string name = "toy") {
    genesis_.name = std::move(name);
    network_ = NetworkIdOf(genesis_);
  }

  const Genesis& genesis() const { return genesis_; }
  const NetworkId& network() const { return network_; }

  ledger::BlockResult GenesisResult() { return Finish(0, {Put("a/genesis", "here")}, {}, {}); }

  static StateWrite Put(std::string_view key, std::string_view value) {
    return {Text2Bytes(key), Text2Bytes(value)};
  }
  static StateWrite Delete(std::string_view key) { return {Text2Bytes(key), std::nullopt}; }

  // writes ascend by key; "c" stands for the Chain record, which is no leaf.
  ToyBlock Next(std::vector<StateWrite> writes, std::vector<Receipt> receipts = {},
                std::vector<Notice> notices = {}) {
    ToyBlock made;
    BlockHeader& header = made.block.header;
    header.network = network_;
    header.height = ++height_;
    header.time_us = height_;
    header.previous = previous_;
    header.app_hash = history_.Root();
    header.txs_root = TxsRoot({});
    previous_ = HashOf(header);
    made.result = Finish(height_, std::move(writes), std::move(receipts), std::move(notices));
    return made;
  }

  // Only the Chain record changes.
  ToyBlock NextEmpty() { return Next({Put("c", fmt::format("height {}", height_ + 1))}); }

 private:
  ledger::BlockResult Finish(uint64_t height, std::vector<StateWrite> writes,
                             std::vector<Receipt> receipts, std::vector<Notice> notices) {
    ledger::BlockResult result;
    for (const StateWrite& write : writes) {
      if (AsText(write.key) != "c") result.leaves.push_back(Encode(Leaf(write)));
    }
    for (const Receipt& receipt : receipts) {
      result.leaves.push_back(Encode(Leaf(ReceiptLeaf{receipt})));
    }
    for (const Notice& notice : notices) result.leaves.push_back(Encode(Leaf(NoticeLeaf{notice})));
    if (!result.leaves.empty()) {
      std::vector<Hash> hashes;
      for (const Bytes& leaf : result.leaves) hashes.push_back(MerkleLeaf(leaf));
      result.block_leaf =
          BlockLeaf{height, static_cast<uint32_t>(hashes.size()), MerkleRoot(hashes)};
      history_.Append(HashOf(*result.block_leaf));
    }
    result.writes = std::move(writes);
    result.receipts = std::move(receipts);
    result.notices = std::move(notices);
    result.app_hash = history_.Root();
    return result;
  }

  Genesis genesis_;
  NetworkId network_;
  uint64_t height_ = 0;
  BlockHash previous_;
  MerkleFrontier history_;
};

}  // namespace gonka
