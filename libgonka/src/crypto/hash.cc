#include "gonka/crypto/hash.h"

#include <sodium.h>

#include <new>

namespace gonka {

// Chooses libsodium's fast implementations before any of ours runs.
[[maybe_unused]] const int kSodiumReady = sodium_init();

static_assert(sizeof(crypto_generichash_blake2b_state) <= 384);

Hash Blake2b(ByteSpan bytes) {
  Hash hash;
  crypto_generichash_blake2b(hash.bytes.data(), Hash::kSize, bytes.data(), bytes.size(), nullptr,
                             0);
  return hash;
}

Hash Sha256(ByteSpan bytes) {
  Hash hash;
  crypto_hash_sha256(hash.bytes.data(), bytes.data(), bytes.size());
  return hash;
}

namespace {
crypto_generichash_blake2b_state* State(std::array<uint8_t, 384>& storage) {
  return reinterpret_cast<crypto_generichash_blake2b_state*>(storage.data());
}
}  // namespace

Blake2bHasher::Blake2bHasher() {
  new (state_.data()) crypto_generichash_blake2b_state;
  crypto_generichash_blake2b_init(State(state_), nullptr, 0, Hash::kSize);
}

void Blake2bHasher::Update(ByteSpan bytes) {
  crypto_generichash_blake2b_update(State(state_), bytes.data(), bytes.size());
}

Hash Blake2bHasher::Finish() {
  Hash hash;
  crypto_generichash_blake2b_final(State(state_), hash.bytes.data(), Hash::kSize);
  return hash;
}

}  // namespace gonka
