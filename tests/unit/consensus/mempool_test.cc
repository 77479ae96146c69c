#include "gonka/consensus/mempool.h"

#include "unit/consensus/small_network.h"

namespace gonka::consensus {
namespace {

// Who sent it and with which sequence: "0.3 1.0 ".
std::string Names(const SmallNetwork& network, const std::vector<SignedTx>& txs) {
  std::string names;
  for (const SignedTx& tx : txs) {
    names += fmt::format("{}.{} ", tx.sender == network.developer_id(0) ? 0 : 1, tx.sequence);
  }
  return names;
}

TEST_CASE("transactions are picked round robin, each sender's in order of sequence") {
  const SmallNetwork network;
  Mempool mempool;
  for (const uint64_t sequence : {5, 1, 3, 2, 4}) {
    REQUIRE(mempool.Add(network.TransferTx(0, sequence, 1), 0).ok());
  }
  for (const uint64_t sequence : {9, 8}) {
    REQUIRE(mempool.Add(network.TransferTx(1, sequence, 1), 0).ok());
  }
  const bool zero_first = network.developer_id(0) < network.developer_id(1);
  CHECK(Names(network, mempool.Pick(100, 1 << 20)) ==
        (zero_first ? "0.1 1.8 0.2 1.9 0.3 0.4 0.5 " : "1.8 0.1 1.9 0.2 0.3 0.4 0.5 "));
  CHECK(mempool.Pick(3, 1 << 20).size() == 3);
  const size_t one = Encode(network.TransferTx(0, 1, 1)).size();
  CHECK(mempool.Pick(100, 2 * one).size() == 2);
  CHECK(mempool.Pick(100, one - 1).empty());
  CHECK(mempool.size() == 7);
  CHECK(mempool.bytes() == 7 * one);
}

TEST_CASE("a transaction is there once, and gone once it is removed") {
  const SmallNetwork network;
  Mempool mempool;
  const SignedTx tx = network.TransferTx(0, 1, 1);
  REQUIRE(mempool.Add(tx, 0).ok());
  CHECK(mempool.Add(tx, 0).code() == absl::StatusCode::kAlreadyExists);
  const TxHash hash = HashOf(tx);
  CHECK(mempool.Contains(hash));
  mempool.Remove({&hash, 1});
  mempool.Remove({&hash, 1});
  CHECK_FALSE(mempool.Contains(hash));
  CHECK(mempool.size() == 0);
  CHECK(mempool.bytes() == 0);
  CHECK(mempool.Add(tx, 0).ok());
}

TEST_CASE("it is bounded in number, in bytes and per sender") {
  const SmallNetwork network;
  SUBCASE("in number") {
    Mempool mempool({.txs_max = 2});
    REQUIRE(mempool.Add(network.TransferTx(0, 1, 1), 0).ok());
    REQUIRE(mempool.Add(network.TransferTx(0, 2, 1), 0).ok());
    const absl::Status full = mempool.Add(network.TransferTx(1, 1, 1), 0);
    CHECK(full.code() == absl::StatusCode::kResourceExhausted);
    CHECK(Message(full).find("2 of 2 transactions") != std::string::npos);
  }
  SUBCASE("in bytes") {
    Mempool mempool({.bytes_max = 2 * Encode(network.TransferTx(0, 1, 1)).size()});
    REQUIRE(mempool.Add(network.TransferTx(0, 1, 1), 0).ok());
    REQUIRE(mempool.Add(network.TransferTx(0, 2, 1), 0).ok());
    CHECK(mempool.Add(network.TransferTx(1, 1, 1), 0).code() ==
          absl::StatusCode::kResourceExhausted);
  }
  SUBCASE("per sender, and the others still get in") {
    Mempool mempool({.per_sender_max = 2});
    REQUIRE(mempool.Add(network.TransferTx(0, 1, 1), 0).ok());
    REQUIRE(mempool.Add(network.TransferTx(0, 2, 1), 0).ok());
    CHECK(mempool.Add(network.TransferTx(0, 3, 1), 0).code() == absl::StatusCode::kOutOfRange);
    CHECK(mempool.Add(network.TransferTx(1, 3, 1), 0).ok());
  }
}

TEST_CASE("what waited too long is dropped, and what is no longer admitted") {
  const SmallNetwork network;
  Mempool mempool({.blocks_max = 10});
  REQUIRE(mempool.Add(network.TransferTx(0, 1, 1), 0).ok());
  REQUIRE(mempool.Add(network.TransferTx(0, 2, 1), 5).ok());
  REQUIRE(mempool.Add(network.TransferTx(1, 1, 1), 5).ok());
  const auto nobody = [](const SignedTx&) { return false; };
  mempool.Recheck(9, {}, nobody);
  CHECK(mempool.size() == 3);
  mempool.Recheck(10, {}, nobody);
  CHECK(mempool.size() == 2);
  mempool.Recheck(10, {network.developer_id(1)}, nobody);
  CHECK(Names(network, mempool.Pick(9, 1 << 20)) == "0.2 ");
  mempool.Recheck(15, {}, nobody);
  CHECK(mempool.size() == 0);
  CHECK(mempool.bytes() == 0);
}

}  // namespace
}  // namespace gonka::consensus
