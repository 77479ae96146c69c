#include "unit/store/failing_disk.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace gonka {
namespace {

constexpr size_t kSector = 512;

DiskFault planned = DiskFault::kNone;
uint64_t planned_step = 0;
uint64_t steps = 0;

[[noreturn]] void Die() {
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

// Whether this step is the chosen one; for a full disk, also every later one.
bool IsDue() {
  ++steps;
  if (planned == DiskFault::kFull) return steps >= planned_step;
  return planned != DiskFault::kNone && steps == planned_step;
}

// What is to be done about a step that writes size bytes: nothing special (false), or fail.
template <class WriteFirst>
bool Fails(size_t size, const WriteFirst& write_first) {
  if (!IsDue()) return false;
  if (planned == DiskFault::kFull) {
    errno = ENOSPC;
    return true;
  }
  if (planned == DiskFault::kKillTorn) write_first(size / 2 / kSector * kSector);
  Die();
}

}  // namespace

void FailDisk(DiskFault fault, uint64_t at_step) {
  planned = fault;
  planned_step = at_step;
  steps = 0;
}

uint64_t DiskSteps() {
  return steps;
}

}  // namespace gonka

extern "C" {

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  const auto first = [&](size_t part) { syscall(SYS_pwrite64, fd, data, part, offset); };
  return gonka::Fails(size, first) ? -1 : syscall(SYS_pwrite64, fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off_t offset) {
  return pwrite(fd, data, size, offset);
}

ssize_t write(int fd, const void* data, size_t size) {
  // Messages and pipes are no disk.
  const bool to_disk = lseek(fd, 0, SEEK_CUR) >= 0 && fd > 2;
  const auto first = [&](size_t part) { syscall(SYS_write, fd, data, part); };
  return to_disk && gonka::Fails(size, first) ? -1 : syscall(SYS_write, fd, data, size);
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  const bool to_disk = lseek(fd, 0, SEEK_CUR) >= 0 && fd > 2;
  // Torn: all but the last of the parts.
  const auto first = [&](size_t) { syscall(SYS_writev, fd, parts, count - 1); };
  return to_disk && gonka::Fails(0, first) ? -1 : syscall(SYS_writev, fd, parts, count);
}

int fdatasync(int fd) {
  const bool fails = gonka::Fails(0, [](size_t) {});
  return fails ? -1 : static_cast<int>(syscall(SYS_fdatasync, fd));
}

int ftruncate(int fd, off_t size) noexcept {
  const bool fails = gonka::Fails(0, [](size_t) {});
  return fails ? -1 : static_cast<int>(syscall(SYS_ftruncate, fd, size));
}

}  // extern "C"
