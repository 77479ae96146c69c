#pragma once

// A key on disk: two lines of text, "gonka-key-1" and the 32-byte seed in hex, readable by its
// owner only (mode 0600).

#include <string>

#include "gonka/base/status.h"
#include "gonka/crypto/sign.h"

namespace gonka {

// Refuses to overwrite an existing file.
absl::Status WriteKeyFile(const std::string& path, const KeyPair& key);
// Refuses a file that others may read.
absl::StatusOr<KeyPair> ReadKeyFile(const std::string& path);

}  // namespace gonka
