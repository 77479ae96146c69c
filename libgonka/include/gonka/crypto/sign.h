#pragma once

// Ed25519 (RFC 8032). Signatures are made over a tagged hash of what is signed, never over raw
// bytes of a user. One rule decides validity everywhere: S is canonical, the public key is a
// canonical point, and neither the key nor R has small order.

#include "gonka/base/bytes.h"
#include "gonka/base/loop.h"

namespace gonka {

using PublicKey = FixedBytes<32>;
using Signature = FixedBytes<64>;

// Wiped on destruction. Const methods may be called from any thread.
class KeyPair {
 public:
  static KeyPair FromSeed(const FixedBytes<32>& seed);
  static KeyPair Generate(Entropy& entropy);
  KeyPair(const KeyPair&) = default;
  KeyPair& operator=(const KeyPair&) = default;
  ~KeyPair();

  const PublicKey& public_key() const { return public_key_; }
  Signature Sign(const Hash& message) const;
  const FixedBytes<64>& secret() const { return secret_; }
  FixedBytes<32> seed() const;

 private:
  KeyPair() = default;
  PublicKey public_key_;
  FixedBytes<64> secret_;
};

bool VerifySignature(const PublicKey& key, const Hash& message, const Signature& signature);

}  // namespace gonka
