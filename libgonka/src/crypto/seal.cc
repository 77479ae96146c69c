#include "gonka/crypto/seal.h"

#include <sodium.h>

#include <algorithm>

namespace gonka {
namespace {

constexpr size_t kNonce = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(kNonce + kTag == kSealOverhead);

}  // namespace

absl::StatusOr<SessionKeys> DeriveSession(const KeyPair& mine, const PublicKey& theirs) {
  FixedBytes<32> my_public, my_secret, their_public;
  if (crypto_sign_ed25519_pk_to_curve25519(their_public.bytes.data(), theirs.bytes.data()) != 0 ||
      crypto_sign_ed25519_pk_to_curve25519(my_public.bytes.data(),
                                           mine.public_key().bytes.data()) != 0) {
    return absl::InvalidArgumentError("not a valid public key: " + Hex(theirs));
  }
  crypto_sign_ed25519_sk_to_curve25519(my_secret.bytes.data(), mine.secret().bytes.data());
  SessionKeys keys;
  // The lower key plays crypto_kx's client, so that both sides agree without a handshake.
  const auto derive =
      mine.public_key() < theirs ? crypto_kx_client_session_keys : crypto_kx_server_session_keys;
  const int failed =
      derive(keys.receive.bytes.data(), keys.send.bytes.data(), my_public.bytes.data(),
             my_secret.bytes.data(), their_public.bytes.data());
  sodium_memzero(my_secret.bytes.data(), my_secret.bytes.size());
  if (failed != 0) return absl::InvalidArgumentError("not a valid public key: " + Hex(theirs));
  return keys;
}

Bytes SealFrame(const SealKey& key, ByteSpan plain, ByteSpan context, Entropy& entropy) {
  Bytes sealed(kNonce + plain.size() + kTag);
  entropy.Fill(std::span(sealed).first(kNonce));
  crypto_aead_xchacha20poly1305_ietf_encrypt(sealed.data() + kNonce, nullptr, plain.data(),
                                             plain.size(), context.data(), context.size(), nullptr,
                                             sealed.data(), key.bytes.data());
  return sealed;
}

std::optional<Bytes> OpenFrame(const SealKey& key, ByteSpan sealed, ByteSpan context) {
  if (sealed.size() < kSealOverhead) return std::nullopt;
  Bytes plain(sealed.size() - kSealOverhead);
  if (crypto_aead_xchacha20poly1305_ietf_decrypt(
          plain.data(), nullptr, nullptr, sealed.data() + kNonce, sealed.size() - kNonce,
          context.data(), context.size(), sealed.data(), key.bytes.data()) != 0) {
    return std::nullopt;
  }
  return plain;
}

}  // namespace gonka
