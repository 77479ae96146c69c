#pragma once

// A key on disk, readable by its owner only (mode 0600). In the clear: two lines of text,
// "gonka-key-1" and the 32-byte seed in hex. Under a passphrase: "gonka-key-2" and one line
//
//   OPERATIONS MEMORY SALT NONCE SEALED
//
// in decimal, KiB and hex: the seed under XSalsa20-Poly1305 (libsodium's crypto_secretbox) with the
// key Argon2id(passphrase, salt) of that cost.

#include <string>

#include "gonka/base/loop.h"
#include "gonka/base/status.h"
#include "gonka/crypto/sign.h"

namespace gonka {

// What guessing a passphrase costs: about a second and 256 MiB a guess.
struct PassphraseCost {
  uint64_t operations = 3;
  uint64_t memory_kib = 256 << 10;
};

// Refuses to overwrite an existing file.
absl::Status WriteKeyFile(const std::string& path, const KeyPair& key);
absl::Status WriteKeyFile(const std::string& path, const KeyPair& key, std::string_view passphrase,
                          Entropy& entropy, PassphraseCost cost = {});

// NotFound where there is none. Refuses a file that others may read. Unauthenticated where the file
// wants a passphrase and this is not it.
absl::StatusOr<KeyPair> ReadKeyFile(const std::string& path, std::string_view passphrase = "");
// Whether ReadKeyFile wants a passphrase; false too where there is no such file.
bool IsEncryptedKeyFile(const std::string& path);

}  // namespace gonka
