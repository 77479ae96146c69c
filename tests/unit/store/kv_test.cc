#include "store/kv.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

#include "unit/store/toy_ledger.h"

namespace gonka::store {
namespace {

void WithEachKv(const std::function<void(Kv&)>& test) {
  test(*MakeMemoryKv(2));
  const TempDirectory directory;
  auto kv = OpenLmdbKv(directory.path(), {"one", "two"}, kNoSync);
  REQUIRE(kv.ok());
  test(**kv);
}

Mutation Put(TableId table, std::string_view key, std::string_view value) {
  return {table, Text2Bytes(key), Text2Bytes(value), false};
}
Mutation Delete(TableId table, std::string_view key) {
  return {table, Text2Bytes(key), std::nullopt, false};
}

std::string Value(const KvReader& reader, TableId table, std::string_view key) {
  const auto value = reader.Get(table, AsBytes(key));
  return value ? std::string(AsText(*value)) : "-";
}

std::string Listing(const KvReader& reader, TableId table, std::string_view prefix,
                    std::string_view from, size_t limit = 100) {
  std::string all;
  reader.Scan(table, AsBytes(prefix), AsBytes(from), [&](ByteSpan key, ByteSpan value) {
    all += fmt::format("{}={} ", AsText(key), AsText(value));
    return --limit > 0;
  });
  return all;
}

TEST_CASE("a batch is seen by readers that come after it, and by no other") {
  WithEachKv([](Kv& kv) {
    const auto before = *kv.Read();
    const Mutation batch[] = {Put(0, "a", "1"), Put(0, "b", "2"), Put(1, "a", "3")};
    REQUIRE(kv.Write(batch).ok());
    const auto between = *kv.Read();
    const Mutation second[] = {Put(0, "a", "9"), Delete(0, "b"), Delete(1, "nothing")};
    REQUIRE(kv.Write(second).ok());
    const auto after = *kv.Read();

    CHECK(Value(*before, 0, "a") == "-");
    CHECK(Value(*between, 0, "a") == "1");
    CHECK(Value(*between, 0, "b") == "2");
    CHECK(Value(*between, 1, "a") == "3");
    CHECK(Value(*after, 0, "a") == "9");
    CHECK(Value(*after, 0, "b") == "-");
    CHECK(Listing(*between, 0, "", "") == "a=1 b=2 ");
    CHECK(Listing(*after, 0, "", "") == "a=9 ");
    CHECK(after->status().ok());
  });
}

TEST_CASE("a scan keeps to its prefix, starts where it is told and stops when it is told") {
  WithEachKv([](Kv& kv) {
    const Mutation batch[] = {Put(0, "a", "1"), Put(0, "b/1", "2"), Put(0, "b/2", "3"),
                              Put(0, "b/3", "4"), Put(0, "c", "5")};
    REQUIRE(kv.Write(batch).ok());
    const auto reader = *kv.Read();
    CHECK(Listing(*reader, 0, "b/", "") == "b/1=2 b/2=3 b/3=4 ");
    CHECK(Listing(*reader, 0, "b/", "b/2") == "b/2=3 b/3=4 ");
    CHECK(Listing(*reader, 0, "b/", "b/21") == "b/3=4 ");
    CHECK(Listing(*reader, 0, "b/", "z") == "");
    CHECK(Listing(*reader, 0, "b/", "a") == "b/1=2 b/2=3 b/3=4 ");
    CHECK(Listing(*reader, 0, "", "", 2) == "a=1 b/1=2 ");
    CHECK(Listing(*reader, 0, "x", "") == "");
  });
}

TEST_CASE("a visitor may read while it scans") {
  WithEachKv([](Kv& kv) {
    const Mutation batch[] = {Put(0, "a", "1"), Put(0, "b", "2")};
    REQUIRE(kv.Write(batch).ok());
    const auto reader = *kv.Read();
    std::string seen;
    reader->Scan(0, {}, {}, [&](ByteSpan key, ByteSpan) {
      seen += Value(*reader, 0, AsText(key)) + Listing(*reader, 0, "b", "");
      return true;
    });
    CHECK(seen == "1b=2 2b=2 ");
  });
}

TEST_CASE("keep_existing writes only where nothing is") {
  WithEachKv([](Kv& kv) {
    Mutation mutation = Put(0, "a", "first");
    mutation.keep_existing = true;
    REQUIRE(kv.Write({&mutation, 1}).ok());
    mutation.value = Text2Bytes("second");
    REQUIRE(kv.Write({&mutation, 1}).ok());
    CHECK(Value(**kv.Read(), 0, "a") == "first");
  });
}

TEST_CASE("a key that LMDB cannot hold is refused with the whole batch, in memory too") {
  WithEachKv([](Kv& kv) {
    for (const size_t size : {size_t{0}, size_t{512}}) {
      const Mutation batch[] = {Put(0, "a", "1"), {0, Bytes(size, 7), Text2Bytes("x"), false}};
      const absl::Status status = kv.Write(batch);
      CHECK(status.code() == absl::StatusCode::kInvalidArgument);
      CHECK(Message(status).find(fmt::format("{} bytes", size)) != std::string::npos);
      CHECK(Value(**kv.Read(), 0, "a") == "-");
    }
    const Mutation longest{0, Bytes(511, 7), Text2Bytes("x"), false};
    CHECK(kv.Write({&longest, 1}).ok());
    CHECK((*kv.Read())->Get(0, Bytes(512, 7)) == std::nullopt);
    CHECK((*kv.Read())->Get(0, {}) == std::nullopt);
  });
}

// Random batches against plain copies of a map: every reader keeps seeing its own moment.
TEST_CASE("readers of many ages each see their own moment") {
  WithEachKv([](Kv& kv) {
    std::mt19937_64 random(5);
    std::map<std::string, std::string> model;
    std::vector<std::pair<std::shared_ptr<const KvReader>, std::map<std::string, std::string>>> old;
    for (int round = 0; round < 200; ++round) {
      std::vector<Mutation> batch;
      for (int i = 0; i < 8; ++i) {
        const std::string key = fmt::format("k{:02}", random() % 40);
        if (random() % 3 == 0) {
          batch.push_back(Delete(0, key));
          model.erase(key);
        } else {
          model[key] = fmt::format("{}.{}", round, i);
          batch.push_back(Put(0, key, model[key]));
        }
      }
      REQUIRE(kv.Write(batch).ok());
      old.emplace_back(*kv.Read(), model);
      if (random() % 2 == 0) old.erase(old.begin() + static_cast<long>(random() % old.size()));
      if (round % 20 != 19) continue;
      for (const auto& [reader, expected] : old) {
        std::map<std::string, std::string> found;
        reader->Scan(0, {}, {}, [&](ByteSpan key, ByteSpan value) {
          found[std::string(AsText(key))] = std::string(AsText(value));
          return true;
        });
        CHECK(found == expected);
      }
    }
  });
}

}  // namespace
}  // namespace gonka::store
