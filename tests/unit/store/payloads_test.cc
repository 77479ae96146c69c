#include "gonka/store/payloads.h"

#include <doctest/doctest.h>

#include "unit/store/toy_ledger.h"

namespace gonka::store {
namespace {

InferenceId Id(uint64_t number) {
  return InferenceId{HashOfText(std::to_string(number))};
}
StoredPayload PayloadOf(uint64_t number, size_t size = 100) {
  return {Bytes(size, static_cast<uint8_t>(number)), Text2Bytes("artifact")};
}

void WithEachStore(uint64_t bytes_max, const std::function<void(PayloadStore&)>& test) {
  test(*PayloadStore::InMemory(bytes_max));
  const TempDirectory directory;
  auto payloads =
      PayloadStore::OpenLmdb(directory.path(), {.bytes_max = bytes_max, .lmdb = kNoSync});
  REQUIRE(payloads.ok());
  test(**payloads);
}

TEST_CASE("a payload is kept until its epoch is dropped") {
  WithEachStore(1 << 20, [](PayloadStore& payloads) {
    for (uint64_t i = 0; i < 30; ++i) REQUIRE(payloads.Put(Id(i), i / 10, PayloadOf(i)).ok());
    CHECK(*payloads.Get(Id(5)) == PayloadOf(5));
    CHECK(*payloads.Get(Id(15)) == PayloadOf(15));
    const uint64_t full = payloads.bytes();
    CHECK(*payloads.DropBelow(1) == 10);
    CHECK(payloads.bytes() == full / 3 * 2);
    CHECK(payloads.Get(Id(5)).status().code() == absl::StatusCode::kNotFound);
    CHECK(Message(payloads.Get(Id(5)).status()).find(Hex(Id(5))) != std::string::npos);
    CHECK(*payloads.Get(Id(15)) == PayloadOf(15));
    CHECK(*payloads.DropBelow(1) == 0);
    CHECK(*payloads.DropBelow(99) == 20);
    CHECK(payloads.bytes() == 0);
  });
}

TEST_CASE("what was committed to does not change") {
  WithEachStore(1 << 20, [](PayloadStore& payloads) {
    REQUIRE(payloads.Put(Id(1), 3, PayloadOf(1)).ok());
    CHECK(payloads.Put(Id(1), 3, PayloadOf(2)).code() == absl::StatusCode::kAlreadyExists);
    CHECK(payloads.Put(Id(1), 4, PayloadOf(1)).code() == absl::StatusCode::kAlreadyExists);
    CHECK(*payloads.Get(Id(1)) == PayloadOf(1));
  });
}

TEST_CASE("a full store refuses, evicts nothing, and takes again once an epoch is dropped") {
  WithEachStore(10'000, [](PayloadStore& payloads) {
    uint64_t stored = 0;
    absl::Status status;
    while (stored < 1'000) {
      status = payloads.Put(Id(stored), stored, PayloadOf(stored, 1'000));
      if (!status.ok()) break;
      ++stored;
    }
    CHECK(stored == 9);
    CHECK(status.code() == absl::StatusCode::kResourceExhausted);
    CHECK(Message(status).find("10000") != std::string::npos);
    CHECK(payloads.Get(Id(0)).ok());
    CHECK(*payloads.DropBelow(1) == 1);
    CHECK(payloads.Put(Id(stored), stored, PayloadOf(stored, 1'000)).ok());
    CHECK(payloads.Put(Id(999), 1, PayloadOf(1, 20'000)).code() ==
          absl::StatusCode::kResourceExhausted);
  });
}

TEST_CASE("payloads and their count of bytes survive a restart") {
  const TempDirectory directory;
  uint64_t bytes = 0;
  {
    const auto payloads = *PayloadStore::OpenLmdb(directory.path());
    for (uint64_t i = 0; i < 5; ++i) REQUIRE(payloads->Put(Id(i), i, PayloadOf(i)).ok());
    bytes = payloads->bytes();
  }
  const auto payloads = *PayloadStore::OpenLmdb(directory.path());
  CHECK(payloads->bytes() == bytes);
  CHECK(*payloads->Get(Id(3)) == PayloadOf(3));
}

}  // namespace
}  // namespace gonka::store
