#include "gonka/store/database.h"

#include <doctest/doctest.h>

#include <thread>

#include "unit/store/toy_ledger.h"

namespace gonka::store {
namespace {

std::string Get(const ledger::View& view, std::string_view key) {
  const auto value = view.Get(AsBytes(key));
  return value ? std::string(AsText(*value)) : "-";
}

void Commit(Database& database, const ToyBlock& made) {
  const absl::Status status = database.CommitBlock(made.block, made.result);
  INFO(ToString(status));
  REQUIRE(status.ok());
}

TEST_CASE("an empty database has no tip, no snapshot, and belongs to every network") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    CHECK_FALSE(database->ReadTip()->has_value());
    CHECK(database->Snapshot().status().code() == absl::StatusCode::kFailedPrecondition);
    CHECK(database->CheckNetwork(NetworkId{HashOfText("any")}).ok());
  });
}

TEST_CASE("state, blocks, receipts and notices are found again") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy;
    REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
    const TxHash tx{HashOfText("tx")};
    const InferenceId inference{HashOfText("inference")};
    const AccountId developer{HashOfText("developer")};
    const std::vector<Notice> notices = {
        RecordExpired{inference, AccountId{HashOfText("executor")}},
        Refunded{inference, developer, Amount(7), RefundReason::kExpired}};
    const ToyBlock first =
        toy.Next({toy.Put("a/1", "one"), toy.Put("b/1", "two"), toy.Put("c", "height 1")},
                 {{tx, 0, TxCode::kOk}, {tx, 1, TxCode::kTooLate}}, notices);
    Commit(*database, first);
    const ToyBlock second = toy.Next({toy.Delete("a/1"), toy.Put("b/1", "three")});
    Commit(*database, second);

    const SnapshotPtr snapshot = *database->Snapshot();
    CHECK(snapshot->height() == 2);
    CHECK(snapshot->tip().hash == HashOf(second.block.header));
    CHECK(snapshot->tip().app_hash == second.result.app_hash);
    CHECK(snapshot->tip().network == toy.network());
    CHECK(*snapshot->GetGenesis() == toy.genesis());
    CHECK(Get(*snapshot, "a/genesis") == "here");
    CHECK(Get(*snapshot, "a/1") == "-");
    CHECK(Get(*snapshot, "b/1") == "three");
    CHECK(Get(*snapshot, "c") == "height 1");
    CHECK(*snapshot->GetBlock(1) == first.block);
    CHECK(*snapshot->GetHeader(2) == second.block.header);
    CHECK(snapshot->GetInfo(1)->app_hash == first.result.app_hash);
    CHECK(snapshot->GetInfo(1)->leaf == first.result.block_leaf);
    CHECK(*snapshot->GetReceipts(1) == first.result.receipts);
    CHECK(snapshot->GetReceipts(2)->empty());
    CHECK(*snapshot->GetNotices(1) == notices);
    CHECK(*snapshot->GetNotice(1, 1) == notices[1]);
    CHECK(snapshot->GetNotice(1, 2).status().code() == absl::StatusCode::kNotFound);
    CHECK(*snapshot->GetLeaves(1) == first.result.leaves);
    CHECK(snapshot->GetBlock(3).status().code() == absl::StatusCode::kNotFound);
    CHECK(Message(snapshot->GetBlock(3).status()).find("block 3") != std::string::npos);

    CHECK(*snapshot->FindTx(tx) == TxPosition{1, 2});
    CHECK(snapshot->FindTx(TxHash{}).status().code() == absl::StatusCode::kNotFound);
    CHECK(*snapshot->FindStateLeaf(AsBytes("b/1")) == LeafPosition{2, 1});
    CHECK(snapshot->FindStateLeaf(AsBytes("c"))->leaf == LeafPosition::kNoLeaf);
    CHECK(snapshot->FindStateLeaf(AsBytes("a/1")).status().code() == absl::StatusCode::kNotFound);

    const std::vector<NoticePosition> about_inference = {{1, 0, 15}, {1, 1, 14}};
    CHECK(snapshot->FindNotices(inference.value, 0, 10) == about_inference);
    CHECK(snapshot->FindNotices(inference.value, 0, 1).size() == 1);
    CHECK(snapshot->FindNotices(inference.value, 2, 10).empty());
    const std::vector<NoticePosition> about_developer = {{1, 1, 14}};
    CHECK(snapshot->FindNotices(developer.value, 0, 10) == about_developer);
    CHECK(snapshot->FindNotices(HashOfText("executor"), 0, 10).empty());
  });
}

TEST_CASE("a scan of the state sees values as they were written") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy;
    REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
    Commit(*database, toy.Next({toy.Put("b/1", "one"), toy.Put("b/2", ""), toy.Put("b/3", "x")}));
    std::string seen;
    (*database->Snapshot())->Scan(AsBytes("b/"), AsBytes("b/2"), [&](ByteSpan key, ByteSpan value) {
      seen += fmt::format("{}={} ", AsText(key), AsText(value));
      return true;
    });
    CHECK(seen == "b/2= b/3=x ");
  });
}

TEST_CASE("a snapshot does not see what is committed later, and outlives its database") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy;
    REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
    Commit(*database, toy.Next({toy.Put("a/1", "old")}));
    const SnapshotPtr snapshot = *database->Snapshot();
    for (int i = 0; i < 100; ++i) Commit(*database, toy.Next({toy.Put("a/1", "new")}));
    CHECK(snapshot->height() == 1);
    CHECK(Get(*snapshot, "a/1") == "old");
    CHECK(Get(**database->Snapshot(), "a/1") == "new");
    database.reset();
    CHECK(Get(*snapshot, "a/1") == "old");
  });
}

TEST_CASE("blocks are handed out as they were encoded, at least one and no more than was asked") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy;
    REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
    std::vector<Bytes> encoded;
    for (int i = 0; i < 10; ++i) {
      const ToyBlock made = toy.NextEmpty();
      Commit(*database, made);
      encoded.push_back(Encode(made.block));
    }
    const SnapshotPtr snapshot = *database->Snapshot();
    CHECK(snapshot->EncodedBlocks(1, 1 << 20) == encoded);
    CHECK(snapshot->EncodedBlocks(10, 1) == std::vector<Bytes>{encoded[9]});
    CHECK(snapshot->EncodedBlocks(3, 2 * encoded[0].size()).size() == 2);
    CHECK(snapshot->EncodedBlocks(11, 1 << 20).empty());
  });
}

TEST_CASE("a block that does not follow is refused and nothing of it stays") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy;
    const ledger::BlockResult genesis = toy.GenesisResult();
    const ToyBlock first = toy.Next({toy.Put("a/1", "one")});
    const ToyBlock second = toy.Next({toy.Put("a/1", "two")});
    CHECK(database->CommitBlock(first.block, first.result).code() ==
          absl::StatusCode::kFailedPrecondition);
    REQUIRE(database->CommitGenesis(toy.genesis(), genesis).ok());
    CHECK(database->CommitGenesis(toy.genesis(), genesis).code() ==
          absl::StatusCode::kFailedPrecondition);
    const absl::Status gap = database->CommitBlock(second.block, second.result);
    CHECK(gap.code() == absl::StatusCode::kFailedPrecondition);
    CHECK(Message(gap).find("block 2") != std::string::npos);
    CHECK(Get(**database->Snapshot(), "a/1") == "-");
    Commit(*database, first);
    CHECK_FALSE(database->CommitBlock(first.block, first.result).ok());
    ToyBlock fork = second;
    fork.block.header.previous = BlockHash{HashOfText("another block")};
    CHECK_FALSE(database->CommitBlock(fork.block, fork.result).ok());
    Commit(*database, second);
  });
}

TEST_CASE("another network's directory is refused by name") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy("mine");
    ToyLedger other("yours");
    REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
    CHECK(database->CheckNetwork(toy.network()).ok());
    const absl::Status status = database->CheckNetwork(other.network());
    CHECK(status.code() == absl::StatusCode::kFailedPrecondition);
    for (const std::string& part : {database->name(), Hex(toy.network()), Hex(other.network())}) {
      CHECK(Message(status).find(part) != std::string::npos);
    }
  });
}

TEST_CASE("the first evidence of two histories is kept, later ones are not") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    CHECK_FALSE(database->ReadEvidence()->has_value());
    Equivocation evidence;
    evidence.ours.height = 5;
    REQUIRE(database->KeepEvidence(evidence).ok());
    Equivocation later;
    later.ours.height = 6;
    REQUIRE(database->KeepEvidence(later).ok());
    CHECK((*database->ReadEvidence())->ours.height == 5);
  });
}

TEST_CASE("many threads read while one commits, and each sees a whole block") {
  WithEachDatabase([](std::unique_ptr<Database> database) {
    ToyLedger toy;
    REQUIRE(database->CommitGenesis(toy.genesis(), toy.GenesisResult()).ok());
    Commit(*database, toy.Next({toy.Put("a/1", "1"), toy.Put("b/1", "1")}));
    std::atomic<bool> done = false;
    std::atomic<int> torn = 0;
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; ++i) {
      readers.emplace_back([&] {
        while (!done) {
          const auto snapshot = database->Snapshot();
          if (!snapshot.ok()) continue;
          const std::string height = std::to_string((*snapshot)->height());
          if (Get(**snapshot, "a/1") != height || Get(**snapshot, "b/1") != height) ++torn;
        }
      });
    }
    for (int i = 2; i <= 150; ++i) {
      const std::string height = std::to_string(i);
      const ToyBlock made = toy.Next({toy.Put("a/1", height), toy.Put("b/1", height)});
      CHECK(database->CommitBlock(made.block, made.result).ok());
    }
    done = true;
    for (std::thread& reader : readers) reader.join();
    CHECK(torn == 0);
  });
}

}  // namespace
}  // namespace gonka::store
