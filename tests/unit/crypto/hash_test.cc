#include "gonka/crypto/hash.h"

#include <doctest/doctest.h>

namespace gonka {
namespace {

TEST_CASE("hashes agree with published vectors") {
  // BLAKE2b-256 of "abc" (RFC 7693's algorithm with a 32-byte digest) and SHA-256 of "abc" (FIPS
  // 180).
  CHECK(Hex(Blake2b(AsBytes("abc"))) ==
        "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
  CHECK(Hex(Sha256(AsBytes("abc"))) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("a streamed hash equals the whole one") {
  Blake2bHasher hasher;
  hasher.Update(AsBytes("a"));
  hasher.Update(AsBytes("bc"));
  CHECK(hasher.Finish() == Blake2b(AsBytes("abc")));
}

TEST_CASE("a tagged hash covers the tag's length, the tag and every part at full width") {
  CHECK(TaggedHash("ab", uint16_t{1}) == Blake2b(Bytes{2, 'a', 'b', 1, 0}));
  CHECK(TaggedHash("ab", uint16_t{1}) != TaggedHash("ab", uint8_t{1}));
  CHECK(TaggedHash("ab") != TaggedHash("a"));
}

}  // namespace
}  // namespace gonka
