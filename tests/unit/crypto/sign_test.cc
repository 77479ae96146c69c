#include "gonka/crypto/sign.h"

#include <doctest/doctest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gonka/crypto/hash.h"
#include "gonka/crypto/key_file.h"
#include "gonka/crypto/seal.h"

namespace gonka {
namespace {

// Bytes that count up: good enough where a test only needs distinct ones.
class CountingEntropy : public Entropy {
 public:
  void Fill(std::span<uint8_t> out) override {
    for (uint8_t& byte : out) byte = next_++;
  }

 private:
  uint8_t next_ = 1;
};

TEST_CASE("a key signs what RFC 8032 says") {
  const auto seed =
      FixedFromHex<32>("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
  CHECK(Hex(KeyPair::FromSeed(*seed).public_key()) ==
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
}

TEST_CASE("only the right key, message and signature verify") {
  CountingEntropy entropy;
  const KeyPair key = KeyPair::Generate(entropy);
  const KeyPair other = KeyPair::Generate(entropy);
  const Hash message = Blake2b(AsBytes("pay 5"));
  const Signature signature = key.Sign(message);
  CHECK(VerifySignature(key.public_key(), message, signature));
  CHECK_FALSE(VerifySignature(other.public_key(), message, signature));
  CHECK_FALSE(VerifySignature(key.public_key(), Blake2b(AsBytes("pay 6")), signature));
  // A key of small order verifies any message under lax rules.
  CHECK_FALSE(VerifySignature(PublicKey{}, message, Signature{}));
  Signature malleable = signature;
  malleable.bytes[63] |= 0xE0;  // S beyond the group order.
  CHECK_FALSE(VerifySignature(key.public_key(), message, malleable));
}

TEST_CASE("a sealed frame opens for its peer, in its context, unchanged, and for nobody else") {
  CountingEntropy entropy;
  const KeyPair alice = KeyPair::Generate(entropy);
  const KeyPair bob = KeyPair::Generate(entropy);
  const KeyPair eve = KeyPair::Generate(entropy);
  const SessionKeys a = DeriveSession(alice, bob.public_key()).value();
  const SessionKeys b = DeriveSession(bob, alice.public_key()).value();
  CHECK(a.send == b.receive);
  CHECK(a.receive == b.send);
  CHECK(a.send != a.receive);
  Bytes sealed = SealFrame(a.send, AsBytes("hello"), AsBytes("execute/0"), entropy);
  CHECK(OpenFrame(b.receive, sealed, AsBytes("execute/0")) == ToBytes(AsBytes("hello")));
  CHECK_FALSE(OpenFrame(b.receive, sealed, AsBytes("execute/1")).has_value());
  CHECK_FALSE(
      OpenFrame(DeriveSession(eve, alice.public_key())->receive, sealed, AsBytes("execute/0")));
  sealed.back() ^= 1;
  CHECK_FALSE(OpenFrame(b.receive, sealed, AsBytes("execute/0")).has_value());
  CHECK_FALSE(DeriveSession(alice, PublicKey{}).ok());
}

TEST_CASE("a key file is private, complete and never overwritten") {
  char pattern[] = "/tmp/gonka-key-XXXXXX";
  const std::filesystem::path dir = ::mkdtemp(pattern);
  const std::string path = dir / "key";
  CountingEntropy entropy;
  const KeyPair key = KeyPair::Generate(entropy);
  REQUIRE(WriteKeyFile(path, key).ok());
  CHECK(ReadKeyFile(path)->public_key() == key.public_key());
  CHECK_FALSE(WriteKeyFile(path, key).ok());
  ::chmod(path.c_str(), 0644);
  CHECK(Message(ReadKeyFile(path).status()).find("chmod 600") != std::string::npos);
  ::chmod(path.c_str(), 0600);
  std::filesystem::resize_file(path, 20);
  CHECK_FALSE(ReadKeyFile(path).ok());
  CHECK_FALSE(ReadKeyFile(dir / "none").ok());
  std::filesystem::remove_all(dir);
}

TEST_CASE("a key file under a passphrase opens with that one alone, and says what is damaged") {
  char pattern[] = "/tmp/gonka-key-XXXXXX";
  const std::filesystem::path dir = ::mkdtemp(pattern);
  const std::string path = dir / "key";
  CountingEntropy entropy;
  const KeyPair key = KeyPair::Generate(entropy);
  const PassphraseCost cheap{.operations = 1, .memory_kib = 64};
  CHECK_FALSE(WriteKeyFile(path, key, "", entropy, cheap).ok());
  CHECK_FALSE(IsEncryptedKeyFile(path));
  REQUIRE(WriteKeyFile(path, key, "correct horse", entropy, cheap).ok());
  CHECK(IsEncryptedKeyFile(path));
  CHECK(ReadKeyFile(path, "correct horse")->public_key() == key.public_key());
  CHECK(absl::IsUnauthenticated(ReadKeyFile(path).status()));
  CHECK(absl::IsUnauthenticated(ReadKeyFile(path, "correct horsf").status()));

  std::ifstream file(path);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  CHECK(text.find(Hex(key.seed())) == std::string::npos);
  // Any changed character: another salt, nonce or seal does not open, all else is damage. A file
  // cannot ask for more memory than a machine should give.
  std::vector<std::string> damaged = {text.substr(0, 40) + "\n", "gonka-key-2\n\n"};
  damaged.push_back("gonka-key-2\n1 9999999999" + text.substr(text.find(' ', 14)));
  damaged.push_back("gonka-key-2\n0 64" + text.substr(text.find(' ', 14)));
  for (const size_t at : {size_t{20}, text.size() / 2, text.size() - 3}) {
    damaged.push_back(text);
    damaged.back()[at] = text[at] == '0' ? '1' : '0';
  }
  for (const std::string& content : damaged) {
    std::ofstream(path, std::ios::trunc) << content;
    const auto read = ReadKeyFile(path, "correct horse");
    CHECK_MESSAGE(!read.ok(), content);
  }
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace gonka
