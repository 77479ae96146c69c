#include "gonka/crypto/key_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace gonka {
namespace {

constexpr std::string_view kHeader = "gonka-key-1\n";
constexpr size_t kFileSize = kHeader.size() + 64 + 1;

struct FileDescriptor {
  int fd;
  ~FileDescriptor() {
    if (fd >= 0) ::close(fd);
  }
};

absl::Status SystemError(std::string_view action, const std::string& path) {
  return absl::UnavailableError(
      fmt::format("cannot {} key file '{}': {}", action, path, std::strerror(errno)));
}

}  // namespace

absl::Status WriteKeyFile(const std::string& path, const KeyPair& key) {
  const std::string text = fmt::format("{}{}\n", kHeader, Hex(key.seed()));
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

absl::StatusOr<KeyPair> ReadKeyFile(const std::string& path) {
  const FileDescriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.fd < 0) return SystemError("open", path);
  struct stat info {};
  if (::fstat(file.fd, &info) != 0) return SystemError("inspect", path);
  if ((info.st_mode & 077) != 0) {
    return absl::FailedPreconditionError(
        fmt::format("key file '{}' may be read by others (mode {:o}); run chmod 600", path,
                    info.st_mode & 0777));
  }
  char text[kFileSize + 1];
  const ssize_t size = ::read(file.fd, text, sizeof(text));
  const std::string_view content(text, size < 0 ? 0 : static_cast<size_t>(size));
  if (content.size() != kFileSize || !content.starts_with(kHeader) || content.back() != '\n') {
    return absl::InvalidArgumentError(fmt::format("'{}' is no gonka key file", path));
  }
  const auto seed = FixedFromHex<32>(content.substr(kHeader.size(), 64));
  if (!seed) return absl::InvalidArgumentError(fmt::format("'{}' holds no hex seed", path));
  return KeyPair::FromSeed(*seed);
}

}  // namespace gonka
