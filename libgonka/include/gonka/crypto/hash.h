#pragma once

// BLAKE2b-256, plain and with a domain tag, and SHA-256 for formulas that come from elsewhere.

#include <string_view>

#include "gonka/base/bytes.h"
#include "gonka/base/codec.h"

namespace gonka {

Hash Blake2b(ByteSpan bytes);
Hash Sha256(ByteSpan bytes);

// Hashes input that arrives in pieces.
class Blake2bHasher {
 public:
  Blake2bHasher();
  void Update(ByteSpan bytes);
  Hash Finish();  // Once, last.

 private:
  alignas(64) std::array<uint8_t, 384> state_;
};

// BLAKE2b-256 over: u8 length of tag, tag, then each part in its wire encoding. Two calls with
// different tags or part types therefore never hash the same bytes by accident.
//   TaggedHash("gonka/inference/1", network, epoch, developer)
template <class... Parts>
Hash TaggedHash(std::string_view tag, const Parts&... parts) {
  Writer out;
  GONKA_CHECK(tag.size() < 256);
  out.U8(static_cast<uint8_t>(tag.size()));
  out.Raw(AsBytes(tag));
  (codec::Write(out, parts), ...);
  return Blake2b(out.Take());
}

}  // namespace gonka
