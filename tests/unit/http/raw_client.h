#pragma once

// A socket that can misbehave, for what a well-behaved client cannot do.

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <string_view>

namespace gonka::http {

class RawClient {
 public:
  explicit RawClient(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  }
  ~RawClient() { Close(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False when the server has closed.
  bool Send(std::string_view data) {
    while (!data.empty()) {
      const ssize_t count = ::send(fd_, data.data(), data.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      data.remove_prefix(static_cast<size_t>(count));
    }
    return true;
  }

  // Reads until what came holds marker, or, where that is "", until the server closes. Gives up
  // after half a minute, so that a failure is no hang.
  std::string ReadUntil(std::string_view marker) {
    std::string seen;
    char buffer[4096];
    pollfd ready{.fd = fd_, .events = POLLIN, .revents = 0};
    while (marker.empty() || seen.find(marker) == std::string::npos) {
      if (::poll(&ready, 1, 30'000) <= 0) return seen + "<nothing more>";
      const ssize_t count = ::recv(fd_, buffer, sizeof(buffer), 0);
      if (count <= 0) return seen + (marker.empty() ? "" : "<closed>");
      seen.append(buffer, static_cast<size_t>(count));
    }
    return seen;
  }
  std::string ReadAll() { return ReadUntil(""); }

  void Close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

 private:
  int fd_;
};

}  // namespace gonka::http
