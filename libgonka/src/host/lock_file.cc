#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "gonka/base/status.h"
#include "gonka/host/files.h"
#include "host/posix.h"

namespace gonka::host {
namespace {

std::string Holder(int fd) {
  char text[32];
  const ssize_t count = ::pread(fd, text, sizeof(text), 0);
  std::string pid(text, count > 0 ? static_cast<size_t>(count) : 0);
  while (!pid.empty() && (pid.back() < '0' || pid.back() > '9')) pid.pop_back();
  return pid.empty() ? "another process" : "process " + pid;
}

}  // namespace

absl::StatusOr<LockFile> LockFile::Acquire(const std::string& directory) {
  GONKA_RETURN_IF_ERROR(MakeDirectory(directory));
  const std::string path = directory + "/LOCK";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return PosixError("open", path, errno);
  LockFile lock(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return PosixError("lock", path, errno);
    return absl::FailedPreconditionError(
        fmt::format("data directory {} is in use by {}", directory, Holder(fd)));
  }
  // Only for the message above: the lock itself is the kernel's.
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    return PosixError("write", path, errno);
  }
  return lock;
}

LockFile::LockFile(LockFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

LockFile& LockFile::operator=(LockFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

// The file stays: to remove it would let two others lock two files of that name.
LockFile::~LockFile() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace gonka::host
