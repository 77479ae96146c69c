#include "gonka/crypto/key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <vector>

namespace gonka {
namespace {

constexpr std::string_view kPlainHeader = "gonka-key-1\n";
constexpr std::string_view kSealedHeader = "gonka-key-2\n";
constexpr size_t kFileMax = 512;
// What a file may ask this machine to spend on one guess.
constexpr uint64_t kOperationsMax = 16;
constexpr uint64_t kMemoryKibMin = crypto_pwhash_argon2id_MEMLIMIT_MIN >> 10;
constexpr uint64_t kMemoryKibMax = 1 << 20;

using Salt = FixedBytes<crypto_pwhash_argon2id_SALTBYTES>;
using Nonce = FixedBytes<crypto_secretbox_NONCEBYTES>;
using Sealed = FixedBytes<crypto_secretbox_MACBYTES + 32>;

struct FileDescriptor {
  int fd;
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }
};

absl::Status SystemError(std::string_view action, const std::string& path) {
  const std::string text =
      fmt::format("cannot {} key file '{}': {}", action, path, std::strerror(errno));
  return errno == ENOENT ? absl::NotFoundError(text) : absl::UnavailableError(text);
}

absl::Status WriteText(const std::string& path, const std::string& text) {
  const FileDescriptor file{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  if (file.fd < 0) return SystemError("create", path);
  if (::write(file.fd, text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
      ::fsync(file.fd) != 0) {
    const absl::Status status = SystemError("write", path);
    ::unlink(path.c_str());
    return status;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReadText(const std::string& path) {
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return SystemError("open", path);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return SystemError("inspect", path);
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("key file '{}' may be read by others (mode {:o}); run chmod 600", path,
                    info.st_mode & 0777));
  }
  std::string text(kFileMax + 1, '\0');
  const ssize_t size = ::read(file.fd, text.data(), text.size());
  text.resize(size < 0 ? 0 : static_cast<size_t>(size));
  if (text.size() > kFileMax || text.empty() || text.back() != '\n') {
    return absl::InvalidArgumentError(fmt::format("'{}' is no gonka key file", path));
  }
  return text;
}

absl::StatusOr<FixedBytes<32>> StretchPassphrase(std::string_view passphrase, const Salt& salt,
                                                 const PassphraseCost& cost) {
  FixedBytes<32> key;
  if (crypto_pwhash_argon2id(key.bytes.data(), key.bytes.size(), passphrase.data(),
                             passphrase.size(), salt.bytes.data(), cost.operations,
                             cost.memory_kib << 10, crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0) {
    return absl::ResourceExhaustedError(
        fmt::format("no {} MiB of memory for the passphrase", cost.memory_kib >> 10));
  }
  return key;
}

struct SealedSeed {
  PassphraseCost cost;
  Salt salt;
  Nonce nonce;
  Sealed sealed;
};

std::vector<std::string_view> SplitAtSpaces(std::string_view line) {
  std::vector<std::string_view> parts;
  while (!line.empty()) {
    const size_t space = std::min(line.find(' '), line.size());
    parts.push_back(line.substr(0, space));
    line.remove_prefix(std::min(space + 1, line.size()));
  }
  return parts;
}

std::optional<uint64_t> NumberIn(std::string_view text, uint64_t min, uint64_t max) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value < min || value > max ? std::nullopt : std::optional(value);
}

std::optional<SealedSeed> ParseSealed(std::string_view line) {
  const auto parts = SplitAtSpaces(line);
  if (parts.size() != 5) return std::nullopt;
  const auto operations = NumberIn(parts[0], 1, kOperationsMax);
  const auto memory = NumberIn(parts[1], kMemoryKibMin, kMemoryKibMax);
  const auto salt = FixedFromHex<Salt::kSize>(parts[2]);
  const auto nonce = FixedFromHex<Nonce::kSize>(parts[3]);
  const auto sealed = FixedFromHex<Sealed::kSize>(parts[4]);
  if (!operations || !memory || !salt || !nonce || !sealed) return std::nullopt;
  return SealedSeed{.cost = {.operations = *operations, .memory_kib = *memory},
                    .salt = *salt,
                    .nonce = *nonce,
                    .sealed = *sealed};
}

absl::StatusOr<KeyPair> Unseal(const std::string& path, const SealedSeed& file,
                               std::string_view passphrase) {
  if (passphrase.empty()) {
    return absl::UnauthenticatedError(fmt::format("key file '{}' wants a passphrase", path));
  }
  GONKA_ASSIGN_OR_RETURN(FixedBytes<32> key, StretchPassphrase(passphrase, file.salt, file.cost));
  FixedBytes<32> seed;
  const int failed = crypto_secretbox_open_easy(seed.bytes.data(), file.sealed.bytes.data(),
                                                file.sealed.bytes.size(), file.nonce.bytes.data(),
                                                key.bytes.data());
  sodium_memzero(key.bytes.data(), key.bytes.size());
  if (failed != 0) {
    return absl::UnauthenticatedError(
        fmt::format("that is not the passphrase of key file '{}'", path));
  }
  const KeyPair pair = KeyPair::FromSeed(seed);
  sodium_memzero(seed.bytes.data(), seed.bytes.size());
  return pair;
}

}  // namespace

absl::Status WriteKeyFile(const std::string& path, const KeyPair& key) {
  return WriteText(path, fmt::format("{}{}\n", kPlainHeader, Hex(key.seed())));
}

absl::Status WriteKeyFile(const std::string& path, const KeyPair& key, std::string_view passphrase,
                          Entropy& entropy, PassphraseCost cost) {
  if (passphrase.empty()) return absl::InvalidArgumentError("the passphrase is empty");
  SealedSeed file{.cost = cost, .salt = {}, .nonce = {}, .sealed = {}};
  entropy.Fill(file.salt.bytes);
  entropy.Fill(file.nonce.bytes);
  GONKA_ASSIGN_OR_RETURN(FixedBytes<32> secret, StretchPassphrase(passphrase, file.salt, cost));
  crypto_secretbox_easy(file.sealed.bytes.data(), key.seed().bytes.data(), key.seed().bytes.size(),
                        file.nonce.bytes.data(), secret.bytes.data());
  sodium_memzero(secret.bytes.data(), secret.bytes.size());
  return WriteText(
      path, fmt::format("{}{} {} {} {} {}\n", kSealedHeader, cost.operations, cost.memory_kib,
                        Hex(file.salt), Hex(file.nonce), Hex(file.sealed)));
}

absl::StatusOr<KeyPair> ReadKeyFile(const std::string& path, std::string_view passphrase) {
  GONKA_ASSIGN_OR_RETURN(const std::string text, ReadText(path));
  std::string_view line(text);
  line.remove_suffix(1);
  if (line.starts_with(kSealedHeader)) {
    const auto file = ParseSealed(line.substr(kSealedHeader.size()));
    if (file) return Unseal(path, *file, passphrase);
    return absl::InvalidArgumentError(fmt::format("'{}' is a damaged key file", path));
  }
  if (!line.starts_with(kPlainHeader)) {
    return absl::InvalidArgumentError(fmt::format("'{}' is no gonka key file", path));
  }
  const auto seed = FixedFromHex<32>(line.substr(kPlainHeader.size()));
  if (!seed) return absl::InvalidArgumentError(fmt::format("'{}' holds no hex seed", path));
  return KeyPair::FromSeed(*seed);
}

bool IsEncryptedKeyFile(const std::string& path) {
  const auto text = ReadText(path);
  return text.ok() && text->starts_with(kSealedHeader);
}

}  // namespace gonka
