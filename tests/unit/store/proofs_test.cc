#include "gonka/store/proofs.h"

#include <doctest/doctest.h>

#include "unit/store/toy_ledger.h"

namespace gonka::store {
namespace {

const TxHash kTx{HashOfText("tx")};

Notice NoticeOf(uint64_t number) {
  return Paid{number, AccountId{HashOfText("participant")}, Amount(number), {}, {}, {}};
}

// Some dozen blocks, every third of them empty; block 10 has receipts and many leaves.
void Fill(Database& database, ToyLedger& toy) {
  REQUIRE(database.CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
  for (uint64_t height = 1; height <= 40; ++height) {
    const std::string text = std::to_string(height);
    ToyBlock made;
    if (height == 10) {
      made = toy.Next({toy.Put("a/10", text), toy.Put("b/10", text), toy.Put("c", text)},
                      {{kTx, 0, TxCode::kOk}, {kTx, 1, TxCode::kTooLate}},
                      {NoticeOf(0), NoticeOf(1), NoticeOf(2)});
    } else if (height % 3 == 0) {
      made = toy.NextEmpty();
    } else {
      made = toy.Next({toy.Put("a/" + text, text), toy.Put("c", text)}, {}, {NoticeOf(height)});
    }
    REQUIRE(database.CommitBlock(made.block, made.result).ok());
  }
}

BlockHash HashAt(const Snapshot& snapshot, uint64_t height) {
  return snapshot.GetInfo(height)->hash;
}

TEST_CASE("state, notices and receipts of any block are proven against any later header") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy;
    Fill(*database, toy);
    const SnapshotPtr snapshot = *database->Snapshot();
    for (uint64_t height = 1; height < 40; ++height) {
      if (height % 3 == 0) continue;
      const std::string text = std::to_string(height);
      for (const uint64_t header : {height + 1, (height + 41) / 2, uint64_t{40}}) {
        CAPTURE(height);
        CAPTURE(header);
        const ProofOptions options{.header_height = header};
        const auto state = ProveState(*snapshot, AsBytes("a/" + text), options);
        REQUIRE(state.ok());
        CHECK(VerifyProof(*state, HashAt(*snapshot, header)).ok());
        CHECK(std::get<StateWrite>(state->leaf) == ToyLedger::Put("a/" + text, text));
        const auto notice = ProveNotice(*snapshot, height, 0, options);
        REQUIRE(notice.ok());
        CHECK(VerifyProof(*notice, HashAt(*snapshot, header)).ok());
      }
    }
    const auto genesis = ProveState(*snapshot, AsBytes("a/genesis"));
    REQUIRE(genesis.ok());
    CHECK(VerifyProof(*genesis, HashAt(*snapshot, 40)).ok());
    for (uint32_t i = 0; i < 3; ++i) {
      const auto notice = ProveNotice(*snapshot, 10, i);
      REQUIRE(notice.ok());
      CHECK(VerifyProof(*notice, HashAt(*snapshot, 40)).ok());
      CHECK(std::get<NoticeLeaf>(notice->leaf).notice == NoticeOf(i));
    }
    const auto receipt = ProveReceipt(*snapshot, kTx, 1);
    REQUIRE(receipt.ok());
    CHECK(VerifyProof(*receipt, HashAt(*snapshot, 40)).ok());
    CHECK(std::get<ReceiptLeaf>(receipt->leaf).receipt == Receipt{kTx, 1, TxCode::kTooLate});
  });
}

TEST_CASE("a transaction that comes again is found where it was executed") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy;
    REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
    for (const TxCode code : {TxCode::kSequenceTooFar, TxCode::kTooLate, TxCode::kSequenceUsed}) {
      const ToyBlock made = toy.Next({}, {{kTx, 0, code}});
      REQUIRE(database->CommitBlock(made.block, made.result).ok());
    }
    const SnapshotPtr snapshot = *database->Snapshot();
    CHECK(snapshot->FindTx(kTx)->height == 2);
    const auto proof = ProveReceipt(*snapshot, kTx, 0);
    REQUIRE(proof.ok());
    CHECK(std::get<ReceiptLeaf>(proof->leaf).receipt.code == TxCode::kTooLate);
  });
}

TEST_CASE("a proof that was tampered with anywhere proves nothing") {
  const auto database = Database::InMemory();
  ToyLedger toy;
  Fill(*database, toy);
  const SnapshotPtr snapshot = *database->Snapshot();
  const BlockHash tip = HashAt(*snapshot, 40);
  const InclusionProof good = *ProveNotice(*snapshot, 10, 1);
  REQUIRE(VerifyProof(good, tip).ok());

  using Tamper = std::function<void(InclusionProof&)>;
  const std::vector<std::pair<const char*, Tamper>> tampers = {
      {"leaf", [](auto& proof) { proof.leaf = NoticeLeaf{NoticeOf(2)}; }},
      {"leaf index", [](auto& proof) { ++proof.leaf_index; }},
      {"leaf path", [](auto& proof) { proof.leaf_path[0].bytes[0] ^= 1; }},
      {"leaf path cut", [](auto& proof) { proof.leaf_path.pop_back(); }},
      {"leaf path longer", [](auto& proof) { proof.leaf_path.push_back({}); }},
      {"block height", [](auto& proof) { ++proof.block.height; }},
      {"block count", [](auto& proof) { ++proof.block.count; }},
      {"block root", [](auto& proof) { proof.block.root.bytes[5] ^= 1; }},
      {"history index", [](auto& proof) { ++proof.history_index; }},
      {"history path", [](auto& proof) { proof.history_path.back().bytes[31] ^= 128; }},
      {"header height", [](auto& proof) { --proof.header.height; }},
      {"header app hash", [](auto& proof) { proof.header.app_hash.bytes[0] ^= 1; }},
  };
  for (const auto& [what, tamper] : tampers) {
    CAPTURE(what);
    InclusionProof bad = good;
    tamper(bad);
    CHECK_FALSE(VerifyProof(bad, tip).ok());
  }
  CHECK_FALSE(VerifyProof(good, HashAt(*snapshot, 39)).ok());
}

TEST_CASE("what cannot be proven is an error that says why") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy;
    Fill(*database, toy);
    const ToyBlock last = toy.Next({toy.Put("a/last", "x")}, {}, {NoticeOf(1)});
    REQUIRE(database->CommitBlock(last.block, last.result).ok());
    const SnapshotPtr snapshot = *database->Snapshot();
    using absl::StatusCode;
    CHECK(ProveState(*snapshot, AsBytes("a/last")).status().code() == StatusCode::kUnavailable);
    CHECK(ProveNotice(*snapshot, 41, 0).status().code() == StatusCode::kUnavailable);
    CHECK(ProveState(*snapshot, AsBytes("a/3")).status().code() == StatusCode::kNotFound);
    CHECK(ProveState(*snapshot, AsBytes("c")).status().code() == StatusCode::kNotFound);
    CHECK(ProveNotice(*snapshot, 3, 0).status().code() == StatusCode::kNotFound);
    CHECK(ProveNotice(*snapshot, 10, 3).status().code() == StatusCode::kNotFound);
    CHECK(ProveNotice(*snapshot, 99, 0).status().code() == StatusCode::kNotFound);
    CHECK(ProveReceipt(*snapshot, kTx, 2).status().code() == StatusCode::kNotFound);
    CHECK(ProveReceipt(*snapshot, kTx, UINT32_MAX).status().code() == StatusCode::kNotFound);
    CHECK(ProveReceipt(*snapshot, TxHash{}, 0).status().code() == StatusCode::kNotFound);
    const auto prove_with = [&](uint64_t header) {
      return ProveState(*snapshot, AsBytes("a/10"), {.header_height = header}).status().code();
    };
    CHECK(prove_with(10) == StatusCode::kInvalidArgument);
    CHECK(prove_with(0) == StatusCode::kInvalidArgument);
    CHECK(prove_with(42) == StatusCode::kNotFound);
    CHECK(prove_with(11) == StatusCode::kOk);
  });
}

}  // namespace
}  // namespace gonka::store
