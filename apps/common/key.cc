#include "common/key.h"

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace gonka::apps {
namespace {

constexpr const char* kVariable = "GONKA_PASSPHRASE";

// A line from the terminal that is not shown; what the terminal was set to comes back.
class HiddenInput {
 public:
  HiddenInput() {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
  }
  ~HiddenInput() { ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_); }

  std::string Ask(const std::string& prompt) {
    std::cerr << prompt << std::flush;
    std::string line;
    std::getline(std::cin, line);
    std::cerr << '\n';
    return line;
  }

 private:
  termios before_ = {};
};

absl::Status NoPassphrase(const std::string& what) {
  return absl::UnauthenticatedError(
      fmt::format("{}: set {} or run it on a terminal", what, kVariable));
}

}  // namespace

absl::StatusOr<KeyPair> ReadKey(const std::string& path) {
  if (!IsEncryptedKeyFile(path)) return ReadKeyFile(path);
  if (const char* passphrase = std::getenv(kVariable)) return ReadKeyFile(path, passphrase);
  if (::isatty(STDIN_FILENO) == 0) {
    return NoPassphrase(fmt::format("key file '{}' wants a passphrase", path));
  }
  return ReadKeyFile(path, HiddenInput().Ask(fmt::format("Passphrase of {}: ", path)));
}

absl::StatusOr<std::string> NewPassphrase() {
  if (const char* passphrase = std::getenv(kVariable)) return passphrase;
  if (::isatty(STDIN_FILENO) == 0) return NoPassphrase("a passphrase is needed");
  HiddenInput input;
  const std::string first = input.Ask("New passphrase: ");
  if (input.Ask("Once more: ") == first) return first;
  return absl::InvalidArgumentError("the two passphrases differ");
}

}  // namespace gonka::apps
