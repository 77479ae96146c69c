#pragma once

// Small things about sockets that server and client share.

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace gonka::http {

inline int64_t NowUs() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool ok() const { return fd_ >= 0; }
  void Reset();

 private:
  int fd_ = -1;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = sizeof(storage);

  sockaddr* raw() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
  std::string Host() const;  // Numeric.
  uint16_t Port() const;
};

// "127.0.0.1", "::1"; no names.
absl::StatusOr<SocketAddress> NumericAddress(const std::string& host, uint16_t port);

// Without it the last piece of every message waits for the peer's delayed acknowledgement, 40 ms.
void SetNoDelay(int fd);
// Finds peers that have gone without a word: after some 30 s of silence, or of unacknowledged data.
void SetKeepAlive(int fd, int64_t unacknowledged_us);

std::string ErrnoText(int error);

}  // namespace gonka::http
