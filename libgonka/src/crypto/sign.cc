#include "gonka/crypto/sign.h"

#include <sodium.h>

#include "gonka/base/check.h"

namespace gonka {

KeyPair KeyPair::FromSeed(const FixedBytes<32>& seed) {
  KeyPair pair;
  crypto_sign_seed_keypair(pair.public_key_.bytes.data(), pair.secret_.bytes.data(),
                           seed.bytes.data());
  return pair;
}

KeyPair KeyPair::Generate(Entropy& entropy) {
  FixedBytes<32> seed;
  entropy.Fill(seed.bytes);
  const KeyPair pair = FromSeed(seed);
  sodium_memzero(seed.bytes.data(), seed.bytes.size());
  return pair;
}

KeyPair::~KeyPair() {
  sodium_memzero(secret_.bytes.data(), secret_.bytes.size());
}

FixedBytes<32> KeyPair::seed() const {
  FixedBytes<32> seed;
  crypto_sign_ed25519_sk_to_seed(seed.bytes.data(), secret_.bytes.data());
  return seed;
}

Signature KeyPair::Sign(const Hash& message) const {
  Signature signature;
  crypto_sign_detached(signature.bytes.data(), nullptr, message.bytes.data(), Hash::kSize,
                       secret_.bytes.data());
  return signature;
}

bool VerifySignature(const PublicKey& key, const Hash& message, const Signature& signature) {
  return crypto_sign_verify_detached(signature.bytes.data(), message.bytes.data(), Hash::kSize,
                                     key.bytes.data()) == 0;
}

}  // namespace gonka
