// Every record: its bytes are pinned by a golden table, and the codec's law holds for it.

#include <fmt/format.h>

#include "golden/table.h"
#include "gonka/crypto/hash.h"
#include "gonka/protocol/block.h"
#include "gonka/protocol/genesis.h"
#include "unit/protocol/fill.h"

namespace gonka {
namespace {

using testing_protocol::Filler;

// Calls visit(name, value) with one filled value of every record, event, notice and leaf.
template <class Visit>
void ForEachRecord(Visit visit) {
  visit("canonical_request", Filler().Make<CanonicalRequest>());
  visit("request", Filler().Make<Request>());
  visit("assignment", Filler().Make<Assignment>());
  visit("signed_assignment", Filler().Make<SignedAssignment>());
  visit("payload", Filler().Make<Payload>());
  visit("signed_tx", Filler().Make<SignedTx>());
  visit("receipt", Filler().Make<Receipt>());
  visit("block_header", Filler().Make<BlockHeader>());
  visit("block", Filler().Make<Block>());
  visit("block_leaf", Filler().Make<BlockLeaf>());
  visit("inclusion_proof", Filler().Make<InclusionProof>());
  visit("genesis", Filler().Make<Genesis>());
  const auto visit_all = [&]<class Variant>(const Variant&) {
    for (size_t i = 0; i < std::variant_size_v<Variant>; ++i) {
      Variant value;
      Filler().FillAlternative(value, i);
      visit(std::visit([](const auto& alternative) { return alternative.kName; }, value), value);
    }
  };
  visit_all(Event{});
  visit_all(Notice{});
  visit_all(Leaf{});
}

TEST_CASE("the bytes of every record are the golden ones") {
  std::string table;
  ForEachRecord([&](const char* name, const auto& value) {
    const Bytes bytes = Encode(value);
    table += fmt::format("{} {} {}\n", name, bytes.size(), Hex(Blake2b(bytes)));
  });
  std::string golden;
  for (const golden::Row& row : golden::ReadTable("records.txt", 3)) {
    golden += fmt::format("{} {} {}\n", row[0], row[1], row[2]);
  }
  // A difference is a change of format: it needs a new version, and documentation.
  CHECK(table == golden);
}

TEST_CASE("every record comes back from its bytes, and from no fewer and no more") {
  ForEachRecord([&](const char* name, const auto& value) {
    CAPTURE(name);
    using T = std::decay_t<decltype(value)>;
    Bytes bytes = Encode(value);
    const absl::StatusOr<T> back = Decode<T>(bytes);
    REQUIRE(back.ok());
    CHECK(*back == value);
    for (size_t size = 0; size < bytes.size(); ++size) {
      if (Decode<T>(ByteSpan(bytes).first(size)).ok()) FAIL(name << " cut to " << size);
    }
    bytes.push_back(0);
    CHECK_FALSE(Decode<T>(bytes).ok());
  });
}

TEST_CASE("whatever changed bytes are accepted are the encoding of what was read") {
  ForEachRecord([&](const char* name, const auto& value) {
    using T = std::decay_t<decltype(value)>;
    Bytes bytes = Encode(value);
    for (size_t i = 0; i < bytes.size(); ++i) {
      const uint8_t kept = bytes[i];
      for (const uint8_t other :
           {uint8_t(kept ^ 1), uint8_t(kept ^ 0x80), uint8_t{0}, uint8_t{255}}) {
        bytes[i] = other;
        const absl::StatusOr<T> read = Decode<T>(bytes);
        if (read.ok() && Encode(*read) != bytes) FAIL(name << " byte " << i);
      }
      bytes[i] = kept;
    }
  });
}

TEST_CASE("top-level records begin with their kind and version, and no two share a kind") {
  const Bytes bytes = Encode(Filler().Make<SignedTx>());
  CHECK(ByteSpan(bytes).first(3)[0] == 3);
  CHECK(bytes[1] == 0);
  CHECK(bytes[2] == 1);
  CHECK_FALSE(Decode<Payload>(bytes).ok());
  const uint16_t kinds[] = {
      CanonicalRequest::kKind.kind, Payload::kKind.kind, SignedTx::kKind.kind,
      BlockHeader::kKind.kind,      Block::kKind.kind,   InclusionProof::kKind.kind,
      Genesis::kKind.kind};
  for (size_t i = 0; i < std::size(kinds); ++i) CHECK(kinds[i] == i + 1);
}

}  // namespace
}  // namespace gonka
