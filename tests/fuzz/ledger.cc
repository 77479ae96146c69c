// ApplyBlock, structure-aware: the bytes are the choices of everybody on a network in which all
// kinds of records, cases, keys and proposals are under way already. After every block the whole
// state is audited, and the block and all that it has changed must read back as it was written.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <memory>

#include "gonka/base/codec.h"
#include "unit/ledger/chaos.h"

namespace gonka::ledger {
namespace {

constexpr size_t kNetworks = 4;
constexpr size_t kBlocksBefore[kNetworks] = {30, 160, 210, 320};

template <class T>
void CheckReadsBack(const T& value) {
  const Bytes bytes = Encode(value);
  const absl::StatusOr<T> read = Decode<T>(bytes);
  GONKA_CHECK(read.ok() && Encode(*read) == bytes);
}

class Reader : public Witness {
 public:
  void OnGenesis(const Genesis& genesis, const BlockResult&) override { CheckReadsBack(genesis); }
  void OnSignature(const PublicKey&, const Hash&, const Signature&) override {}
  void OnBlock(const Block& block, const BlockResult* result) override {
    CheckReadsBack(block);
    if (result == nullptr) return;
    size_t events = 0;
    for (const SignedTx& tx : block.txs) events += tx.events.size();
    GONKA_CHECK(result->receipts.size() == events);
    GONKA_CHECK(result->leaves.empty() != result->block_leaf.has_value());
    for (const Bytes& leaf : result->leaves) {
      const absl::StatusOr<Leaf> read = Decode<Leaf>(leaf);
      GONKA_CHECK(read.ok() && Encode(*read) == leaf);
    }
    for (size_t i = 1; i < result->writes.size(); ++i) {
      GONKA_CHECK(result->writes[i - 1].key < result->writes[i].key);
    }
  }
};

Reader reader;

const Chaos& Prepared(size_t number) {
  static std::unique_ptr<Chaos> prepared[kNetworks];
  std::unique_ptr<Chaos>& chaos = prepared[number];
  if (chaos == nullptr) {
    chaos = std::make_unique<Chaos>(number + 1, /*audit=*/true, &reader);
    chaos->Run(kBlocksBefore[number]);
  }
  return *chaos;
}

}  // namespace
}  // namespace gonka::ledger

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::ledger;
  static doctest::Context context;
  context.setAsDefaultForAssertsOutOfTestCases();
  if (size == 0) return 0;
  Chaos chaos = Prepared(data[0] % kNetworks);
  chaos.RunOn(Dice(std::span(data + 1, size - 1)));
  return 0;
}
