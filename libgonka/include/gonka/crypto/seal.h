#pragma once

// Frames between two nodes, readable by these two only. The session keys follow from the nodes'
// long-term keys (Ed25519 converted to X25519, then crypto_kx), so no handshake is needed and each
// side knows whom it talks to. There is no forward secrecy: whoever steals a node's key can read
// what was recorded before. Frames are XChaCha20-Poly1305 with a random nonce.

#include <optional>

#include "gonka/base/bytes.h"
#include "gonka/base/loop.h"
#include "gonka/base/status.h"
#include "gonka/crypto/sign.h"

namespace gonka {

using SealKey = FixedBytes<32>;

struct SessionKeys {
  SealKey send;
  SealKey receive;
};

// What mine sends, theirs receives. Fails where theirs is no valid public key.
absl::StatusOr<SessionKeys> DeriveSession(const KeyPair& mine, const PublicKey& theirs);

// 24 bytes of nonce, the ciphertext, 16 bytes of tag. context is authenticated, not sent: both
// sides must name the same method, direction and frame number.
Bytes SealFrame(const SealKey& key, ByteSpan plain, ByteSpan context, Entropy& entropy);
std::optional<Bytes> OpenFrame(const SealKey& key, ByteSpan sealed, ByteSpan context);
inline constexpr size_t kSealOverhead = 40;

}  // namespace gonka
