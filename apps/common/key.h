#pragma once

// Keys as programs read them: a file that wants a passphrase gets it from the environment variable
// GONKA_PASSPHRASE, or from the terminal.

#include <string>

#include "gonka/crypto/key_file.h"

namespace gonka::apps {

absl::StatusOr<KeyPair> ReadKey(const std::string& path);
// A new passphrase, from the same places; asked for twice on a terminal.
absl::StatusOr<std::string> NewPassphrase();

}  // namespace gonka::apps
