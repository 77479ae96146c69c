#include "store/data_directory.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace gonka::store {
namespace {

namespace fs = std::filesystem;

std::string MarkerFile(const std::string& path) {
  return path + "/created";
}

absl::Status Failed(const std::string& what, int error) {
  return absl::UnavailableError(fmt::format("{}: {}", what, std::strerror(error)));
}

std::string ReadOwner(int fd) {
  char text[32] = {};
  const ssize_t size = pread(fd, text, sizeof(text) - 1, 0);
  const std::string_view owner(text, size > 0 ? static_cast<size_t>(size) : 0);
  return std::string(owner.substr(0, owner.find('\n')));
}

absl::Status Write(int fd, const std::string& path, const std::string& text) {
  const bool ok = pwrite(fd, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size());
  return ok ? absl::OkStatus() : Failed("cannot write " + path, errno);
}

absl::Status SyncDirectory(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return Failed("cannot open directory " + path, errno);
  const bool ok = fsync(fd) == 0;
  const int error = errno;
  close(fd);
  return ok ? absl::OkStatus() : Failed("cannot sync directory " + path, error);
}

}  // namespace

absl::StatusOr<DataDirectory> DataDirectory::Claim(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    return absl::UnavailableError(
        fmt::format("cannot make data directory {}: {}", path, error.message()));
  }
  const std::string lock = path + "/lock";
  const int fd = open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("cannot open " + lock, errno);
  DataDirectory directory(path, fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failed("cannot lock " + lock, errno);
    return absl::FailedPreconditionError(
        fmt::format("data directory {} is in use by process {}", path, ReadOwner(fd)));
  }
  if (ftruncate(fd, 0) != 0) return Failed("cannot write " + lock, errno);
  GONKA_RETURN_IF_ERROR(Write(fd, lock, fmt::format("{}\n", getpid())));
  return directory;
}

absl::StatusOr<DataDirectory> DataDirectory::Inspect(const std::string& path) {
  std::error_code error;
  if (!fs::exists(path + "/data.mdb", error)) {
    return absl::NotFoundError(fmt::format("{} holds no database: there is no data.mdb", path));
  }
  const std::string lock = path + "/lock";
  const int fd = open(lock.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno != ENOENT) return Failed("cannot open " + lock, errno);
  DataDirectory directory(path, fd);
  if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failed("cannot lock " + lock, errno);
    return absl::FailedPreconditionError(
        fmt::format("data directory {} is in use by process {}", path, ReadOwner(fd)));
  }
  GONKA_RETURN_IF_ERROR(directory.CheckSize());
  return directory;
}

DataDirectory::DataDirectory(DataDirectory&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

DataDirectory::~DataDirectory() {
  if (fd_ >= 0) close(fd_);  // The lock goes with it.
}

absl::Status DataDirectory::Prepare() const {
  const absl::Status size = CheckSize();
  std::error_code error;
  if (!absl::IsDataLoss(size) || fs::exists(MarkerFile(path_), error)) return size;
  fs::remove(DataFile(), error);
  return absl::OkStatus();
}

absl::Status DataDirectory::CheckSize() const {
  const auto size_min = static_cast<uint64_t>(2 * sysconf(_SC_PAGESIZE));  // Two meta pages.
  std::error_code error;
  const bool exists = fs::exists(DataFile(), error);
  const uint64_t size = exists ? fs::file_size(DataFile(), error) : 0;
  if (error) return Failed("cannot look at " + DataFile(), error.value());
  if (size >= size_min) return absl::OkStatus();
  return absl::DataLossError(
      exists ? fmt::format("{} is truncated: it has {} bytes, even an empty one has {}; restore "
                           "it, or remove the directory to start from genesis",
                           DataFile(), size, size_min)
             : fmt::format("{} is gone, though the directory has been used; restore it, or remove "
                           "the directory to start from genesis",
                           DataFile()));
}

absl::Status DataDirectory::Mark() const {
  const std::string marker = MarkerFile(path_);
  std::error_code error;
  if (fs::exists(marker, error)) return absl::OkStatus();
  const int fd = open(marker.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return Failed("cannot make " + marker, errno);
  const absl::Status written = Write(fd, marker, "The database of this directory has been made.\n");
  close(fd);
  GONKA_RETURN_IF_ERROR(written);
  return SyncDirectory(path_);
}

}  // namespace gonka::store
