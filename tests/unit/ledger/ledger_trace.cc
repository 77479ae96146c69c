// Writes what a ledger does with blocks of random events, for somebody who does the same by himself
// (tests/python/ledger_model has the reader).
//
//   ledger_trace SEED BLOCKS > FILE
//
// The file is a sequence of frames, each a letter, a little-endian u32 length, and so many bytes:
//
//   G  the genesis            S  key, hash, signature: one that was made for an event; no others
//   are valid B  a block, to be taken   X  a block that was refused whole W  a write to the state
//   R  a receipt   N  a notice   H  the app hash: the end of what one did
//
// In the encodings of protocol.md; W, R and N without kind and version.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>

#include "gonka/base/codec.h"
#include "unit/ledger/chaos.h"

namespace gonka::ledger {
namespace {

class Scribe : public Witness {
 public:
  void OnGenesis(const Genesis& genesis, const BlockResult& result) override {
    Frame('G', Encode(genesis));
    Tell(result);
  }
  void OnSignature(const PublicKey& key, const Hash& message, const Signature& signature) override {
    Frame('S', Encoded(key, message, signature));
  }
  void OnBlock(const Block& block, const BlockResult* result) override {
    Frame(result != nullptr ? 'B' : 'X', Encode(block));
    if (result != nullptr) Tell(*result);
  }

 private:
  template <class... Parts>
  static Bytes Encoded(const Parts&... parts) {
    Writer out;
    (codec::Write(out, parts), ...);
    return out.Take();
  }
  void Tell(const BlockResult& result) {
    for (const StateWrite& write : result.writes) Frame('W', Encoded(write));
    for (const Receipt& receipt : result.receipts) Frame('R', Encoded(receipt));
    for (const Notice& notice : result.notices) Frame('N', Encoded(notice));
    Frame('H', Encoded(result.app_hash));
  }
  void Frame(char letter, const Bytes& bytes) {
    const Bytes head = Encoded(static_cast<uint8_t>(letter), static_cast<uint32_t>(bytes.size()));
    Write(head);
    Write(bytes);
  }
  static void Write(const Bytes& bytes) {
    if (std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size()) return;
    std::perror("ledger_trace");
    std::exit(1);
  }
};

uint64_t NumberIn(const char* text) {
  char* end = nullptr;
  const unsigned long long number = std::strtoull(text, &end, 10);
  if (*text != '\0' && *end == '\0') return number;
  std::fprintf(stderr, "ledger_trace: '%s' is not a number\n", text);
  std::exit(2);
}

}  // namespace
}  // namespace gonka::ledger

int main(int argc, char** argv) {
  using namespace gonka::ledger;
  if (argc != 3) {
    std::fprintf(stderr, "usage: ledger_trace SEED BLOCKS\n");
    return 2;
  }
  doctest::Context context;
  context.setAsDefaultForAssertsOutOfTestCases();
  Scribe scribe;
  Chaos chaos(NumberIn(argv[1]), /*audit=*/false, &scribe);
  chaos.Run(NumberIn(argv[2]));
  fmt::print(stderr, "{} events, {} different receipts, {} kinds of events\n", chaos.events(),
             chaos.codes().size(), chaos.sent().size());
  return 0;
}
