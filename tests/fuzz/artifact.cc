// Artifact decoders. The first three bytes are a shape and a number of tokens; the rest is read as
// a leaf's block, as an opening and as a whole artifact.

#include "gonka/verify/artifact.h"

namespace gonka::verify {
namespace {

void FuzzBlock(const ArtifactShape& shape, uint32_t tokens, ByteSpan bytes) {
  std::vector<uint32_t> ids;
  for (uint32_t i = 0; i < tokens; ++i) ids.push_back(i * 7 % shape.vocabulary);
  const auto decoded = DecodeBlock(shape, ids, bytes);
  if (decoded.ok()) GONKA_CHECK(EncodeBlock(shape, *decoded) == LeafBlock(ToBytes(bytes)));
}

void FuzzOpening(const ArtifactShape& shape, ByteSpan bytes) {
  const auto opening = Decode<Opening>(bytes);
  if (!opening.ok()) return;
  GONKA_CHECK(Encode(*opening) == ToBytes(bytes));
  const std::vector<uint32_t> ids(100, 1);
  for (const LeafOpening& leaf : opening->leaves) {
    GONKA_CHECK(!VerifyOpening(shape, Hash{}, ids, leaf).ok());
  }
}

void FuzzArtifact(ByteSpan bytes) {
  const auto artifact = Decode<Artifact>(bytes);
  if (!artifact.ok()) return;
  GONKA_CHECK(Encode(*artifact) == ToBytes(bytes));
  const std::vector<uint32_t> ids(artifact->blocks.size() * kLeafTokens, 1);
  if (CheckArtifact(*artifact, ids).ok()) (void)ArtifactRoot(*artifact, ids);
}

}  // namespace
}  // namespace gonka::verify

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka::verify;
  if (size < 3) return 0;
  const ArtifactShape shape{.k = data[0] % kTopKMax + 1u, .vocabulary = 16u + data[1] * 97u};
  const gonka::ByteSpan rest{data + 3, size - 3};
  FuzzBlock(shape, data[2] % (kLeafTokens + 1), rest);
  FuzzOpening(shape, rest);
  FuzzArtifact(rest);
  return 0;
}
