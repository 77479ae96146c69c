#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"
#include "gonka/base/check.h"

namespace gonka::model {
namespace {

absl::Status SystemError(const std::string& path, const char* what, int error) {
  const std::string message = fmt::format("{}: cannot {}: {}", path, what, std::strerror(error));
  if (error == ENOENT || error == ENOTDIR) return absl::NotFoundError(message);
  if (error == EACCES || error == EPERM) return absl::PermissionDeniedError(message);
  return absl::InternalError(message);
}

absl::StatusOr<size_t> SizeOfRegularFile(const std::string& path, int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return SystemError(path, "stat", errno);
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(fmt::format("{}: not a regular file", path));
  }
  if (info.st_size == 0) return absl::InvalidArgumentError(fmt::format("{}: file is empty", path));
  return static_cast<size_t>(info.st_size);
}

}  // namespace

absl::StatusOr<std::unique_ptr<MappedFile>> MappedFile::Open(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return SystemError(path, "open", errno);
  const absl::StatusOr<size_t> size = SizeOfRegularFile(path, fd);
  void* data = MAP_FAILED;
  int error = 0;
  if (size.ok()) {
    data = ::mmap(nullptr, *size, PROT_READ, MAP_SHARED, fd, 0);
    error = errno;
  }
  if (data == MAP_FAILED) {
    ::close(fd);
    return size.ok() ? SystemError(path, "map", error) : size.status();
  }
  return std::unique_ptr<MappedFile>(
      new MappedFile(path, fd, static_cast<const uint8_t*>(data), *size));
}

MappedFile::~MappedFile() {
  ::munmap(const_cast<uint8_t*>(data_), size_);
  ::close(fd_);
}

absl::Status MappedFile::Read(uint64_t offset, std::span<uint8_t> out) const {
  GONKA_CHECK(offset <= size_ && out.size() <= size_ - offset);
  while (!out.empty()) {
    const ssize_t count = ::pread(fd_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      return absl::DataLossError(
          fmt::format("{}: cannot read at {}: {}", path_, offset, std::strerror(errno)));
    }
    if (count == 0) {
      return absl::DataLossError(
          fmt::format("{}: the file of {} bytes ends at {} now", path_, size_, offset));
    }
    offset += static_cast<uint64_t>(count);
    out = out.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

}  // namespace gonka::model
