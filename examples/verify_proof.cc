// Checks offline that something is in a network's history: needs the proof, which any node can
// give, and the hash of one block, from somebody whom you trust. Links gonka::protocol and nothing
// above.
//
//   curl -s 'http://127.0.0.1:7100/gonka/v1/proof/state?inference=ID' | jq -r .proof > proof.hex
//   verify_proof proof.hex BLOCK_HASH

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "gonka/base/json.h"
#include "gonka/base/status.h"
#include "gonka/protocol/block.h"

namespace {

using namespace gonka;

[[noreturn]] void Fail(const std::string& message) {
  std::fprintf(stderr, "verify_proof: %s\n", message.c_str());
  std::exit(EXIT_FAILURE);
}

// The file's hex, as the JSON API gives it, or its bytes, as `gonka prove --out` writes them.
Bytes ReadProof(const char* path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) Fail(std::string("cannot read ") + path);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::string trimmed = text.substr(0, text.find_last_not_of(" \r\n") + 1);
  if (std::optional<Bytes> bytes = FromHex(trimmed)) return *std::move(bytes);
  return ToBytes(AsBytes(text));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) Fail("usage: verify_proof FILE BLOCK_HASH");
  const std::optional<Hash> block_hash = FixedFromHex<32>(argv[2]);
  if (!block_hash) Fail(std::string("a block hash is 64 hex digits, not '") + argv[2] + "'");

  const absl::StatusOr<InclusionProof> proof = Decode<InclusionProof>(ReadProof(argv[1]));
  if (!proof.ok()) Fail(std::string(argv[1]) + ": " + Message(proof.status()));
  if (const absl::Status status = VerifyProof(*proof, BlockHash{*block_hash}); !status.ok()) {
    Fail(Message(status));
  }
  std::printf("proven, since block %llu: %s\n",
              static_cast<unsigned long long>(proof->block.height), ToJson(proof->leaf).c_str());
}
