// What survives on a simulated disk.

#include "gonka/store/memory_disk.h"

#include <doctest/doctest.h>

#include "store/kv.h"

namespace gonka::store {
namespace {

Bytes Text(std::string_view text) {
  const ByteSpan bytes = AsBytes(text);
  return {bytes.begin(), bytes.end()};
}

absl::Status Put(Kv& kv, std::string_view key, std::optional<std::string_view> value) {
  const Mutation mutation{.table = 0,
                          .key = Text(key),
                          .value = value ? std::optional<Bytes>(Text(*value)) : std::nullopt};
  return kv.Write({&mutation, 1});
}

std::string Get(const MemoryDisk& disk, std::string_view key) {
  const auto kv = MakeMemoryKv(1, disk);
  const auto reader = kv->Read();
  REQUIRE(reader.ok());
  const auto value = (*reader)->Get(0, AsBytes(key));
  return value ? std::string(value->begin(), value->end()) : "-";
}

TEST_CASE("a power failure takes the last unsynced writes, and what they replaced comes back") {
  MemoryDisk disk;
  disk.SyncEvery(0);
  {
    const auto kv = MakeMemoryKv(1, disk);
    REQUIRE(Put(*kv, "a", "1").ok());
    REQUIRE(Put(*kv, "b", "1").ok());
    disk.Sync();
    REQUIRE(Put(*kv, "a", "2").ok());
    REQUIRE(Put(*kv, "b", std::nullopt).ok());
    REQUIRE(Put(*kv, "c", "1").ok());
  }
  CHECK(disk.unsynced() == 3);
  CHECK(Get(disk, "a") == "2");
  CHECK(Get(disk, "b") == "-");
  disk.LoseUnsynced(1);
  CHECK(disk.unsynced() == 0);
  CHECK(Get(disk, "a") == "2");
  CHECK(Get(disk, "b") == "1");
  CHECK(Get(disk, "c") == "-");
  // Life goes on, and what is replaced is pruned as ever.
  const auto kv = MakeMemoryKv(1, disk);
  for (int i = 0; i < 10; ++i) REQUIRE(Put(*kv, "b", std::to_string(i)).ok());
  disk.LoseUnsynced(0);
  CHECK(Get(disk, "b") == "1");
  CHECK(Get(disk, "a") == "2");
}

TEST_CASE("every n-th write is synced, with those before it") {
  MemoryDisk disk;
  disk.SyncEvery(3);
  const auto kv = MakeMemoryKv(1, disk);
  for (int i = 1; i <= 5; ++i) {
    REQUIRE(Put(*kv, "a", std::to_string(i)).ok());
    CHECK(disk.unsynced() == static_cast<size_t>(i % 3));
  }
  disk.LoseUnsynced(0);
  CHECK(Get(disk, "a") == "3");
}

TEST_CASE("a full disk takes nothing and keeps what is there") {
  MemoryDisk disk;
  const auto kv = MakeMemoryKv(1, disk);
  REQUIRE(Put(*kv, "a", "1").ok());
  disk.SetFull(true);
  CHECK(absl::IsResourceExhausted(Put(*kv, "a", "2")));
  CHECK(Get(disk, "a") == "1");
  disk.SetFull(false);
  CHECK(Put(*kv, "a", "2").ok());
  CHECK(Get(disk, "a") == "2");
}

}  // namespace
}  // namespace gonka::store
