#include "mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "fmt/format.h"

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
  ::close(fd);
  if (!size.ok()) return size.status();
  if (data == MAP_FAILED) return SystemError(path, "map", error);
  return std::unique_ptr<MappedFile>(new MappedFile(static_cast<const uint8_t*>(data), *size));
}

MappedFile::~MappedFile() {
  ::munmap(const_cast<uint8_t*>(data_), size_);
}

}  // namespace gonka::model
