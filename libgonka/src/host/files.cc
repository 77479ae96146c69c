#include "gonka/host/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "gonka/base/status.h"
#include "host/posix.h"

namespace gonka::host {
namespace {

class File {
 public:
  explicit File(int fd) : fd_(fd) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int fd() const { return fd_; }
  bool ok() const { return fd_ >= 0; }

 private:
  int fd_;
};

std::string Parent(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::Status WriteAll(int fd, ByteSpan data, const std::string& path) {
  while (!data.empty()) {
    const ssize_t count = ::write(fd, data.data(), data.size());
    if (count < 0 && errno != EINTR) return PosixError("write", path, errno);
    if (count > 0) data = data.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

absl::Status Sync(int fd, const std::string& path) {
  return ::fsync(fd) == 0 ? absl::OkStatus() : PosixError("sync", path, errno);
}

absl::Status SyncDirectory(const std::string& path) {
  const File directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.ok()) return PosixError("open", path, errno);
  return Sync(directory.fd(), path);
}

absl::Status WriteNew(const std::string& path, ByteSpan data, unsigned mode) {
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file.ok()) return PosixError("create", path, errno);
  GONKA_RETURN_IF_ERROR(WriteAll(file.fd(), data, path));
  return Sync(file.fd(), path);
}

}  // namespace

absl::StatusOr<std::string> ReadFile(const std::string& path, size_t size_max) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.ok()) return PosixError("open", path, errno);
  std::string content;
  char buffer[64 << 10];
  while (true) {
    const ssize_t count = ::read(file.fd(), buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return PosixError("read", path, errno);
    if (count == 0) return content;
    content.append(buffer, static_cast<size_t>(count));
    if (content.size() > size_max) {
      return absl::ResourceExhaustedError(
          fmt::format("{} is larger than {} bytes", path, size_max));
    }
  }
}

absl::Status WriteFileAtomic(const std::string& path, ByteSpan data, unsigned mode) {
  static std::atomic<uint64_t> count = 0;
  const std::string beside = fmt::format("{}.tmp.{}.{}", path, ::getpid(), ++count);
  absl::Status status = WriteNew(beside, data, mode);
  if (status.ok() && ::rename(beside.c_str(), path.c_str()) != 0) {
    status = PosixError("replace", path, errno);
  }
  if (!status.ok()) {
    ::unlink(beside.c_str());
    return status;
  }
  return SyncDirectory(Parent(path));
}

absl::Status MakeDirectory(const std::string& path) {
  for (size_t at = path.find('/', 1);; at = path.find('/', at + 1)) {
    const std::string part = path.substr(0, at);
    if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) {
      return PosixError("make directory", part, errno);
    }
    if (at == std::string::npos) break;
  }
  struct stat info;
  if (::stat(path.c_str(), &info) != 0) return PosixError("look at", path, errno);
  return S_ISDIR(info.st_mode) ? absl::OkStatus() : PosixError("make directory", path, ENOTDIR);
}

}  // namespace gonka::host
