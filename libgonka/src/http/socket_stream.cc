#include "http/socket_stream.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>

namespace gonka::http {
namespace {

constexpr size_t kReadSize = 16 << 10;
constexpr size_t kWriteSize = 64 << 10;
constexpr size_t kHeadMax = 64 << 10;
constexpr size_t kLineMax = 4 << 10;

}  // namespace

void SocketStream::Begin(Limits limits) {
  limits_ = limits;
  head_size_ = 0;
  line_size_ = 0;
  tail_.clear();
  in_body_ = false;
  heard_ = false;
  failure_ = absl::OkStatus();
}

bool SocketStream::Reusable() const {
  if (!failure_.ok() || in_taken_ < in_.size() || !out_.empty()) return false;
  char byte;
  return ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

ssize_t SocketStream::read(char* out, size_t size) {
  if (in_taken_ == in_.size() && (!Flush() || !Fill())) return failure_.ok() ? 0 : -1;
  const size_t count = std::min(size, in_.size() - in_taken_);
  const std::string_view data = std::string_view(in_).substr(in_taken_, count);
  if (!WithinBounds(data)) return -1;
  std::copy(data.begin(), data.end(), out);
  in_taken_ += count;
  return static_cast<ssize_t>(count);
}

// cpp-httplib reads lines byte by byte into a buffer without bound; so lines are what is read by
// single bytes, and a long one fails here.
bool SocketStream::WithinBounds(std::string_view data) {
  if (!in_body_) head_size_ += data.size();
  line_size_ = data.size() == 1 && data.front() != '\n' ? line_size_ + 1 : 0;
  tail_ += data.substr(data.size() - std::min<size_t>(data.size(), 4));
  tail_.erase(0, tail_.size() - std::min<size_t>(tail_.size(), 4));
  if (head_size_ > kHeadMax) {
    failure_ = absl::ResourceExhaustedError(
        fmt::format("the answer's head is larger than {} bytes", kHeadMax));
  } else if (line_size_ > kLineMax) {
    failure_ = absl::ResourceExhaustedError(
        fmt::format("the answer has a line longer than {} bytes", kLineMax));
  }
  return failure_.ok();
}

bool SocketStream::Fill() {
  in_.resize(kReadSize);
  in_taken_ = 0;
  ssize_t count;
  do {
    if (!Await(POLLIN, limits_.read_timeout_us, "no answer")) {
      in_.clear();
      return false;
    }
    count = ::recv(fd_.get(), in_.data(), in_.size(), MSG_DONTWAIT);
  } while (count < 0 && (errno == EAGAIN || errno == EINTR));
  in_.resize(count > 0 ? static_cast<size_t>(count) : 0);
  if (count < 0) {
    failure_ = absl::UnavailableError(fmt::format("connection lost: {}", ErrnoText(errno)));
  }
  heard_ |= count > 0;
  return count > 0;
}

ssize_t SocketStream::write(const char* data, size_t size) {
  out_.append(data, size);
  if (out_.size() > kWriteSize && !Flush()) return -1;
  return static_cast<ssize_t>(size);
}

bool SocketStream::Flush() {
  size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t count =
        ::send(fd_.get(), out_.data() + sent, out_.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<size_t>(count);
    } else if (errno == EAGAIN) {
      if (!Await(POLLOUT, limits_.write_timeout_us, "the request was not taken")) break;
    } else if (errno == EPIPE || errno == ECONNRESET) {
      // The server may have answered before it closed, 413 for example: read on.
      sent = out_.size();
    } else if (errno != EINTR) {
      failure_ = absl::UnavailableError(fmt::format("connection lost: {}", ErrnoText(errno)));
      break;
    }
  }
  out_.clear();
  return failure_.ok();
}

bool SocketStream::Await(short events, int64_t timeout_us, const char* what) {
  const int64_t left_us = limits_.deadline_us - NowUs();
  const int64_t wait_us = std::clamp<int64_t>(left_us, 0, timeout_us);
  pollfd ready{.fd = fd_.get(), .events = events, .revents = 0};
  int count;
  do {
    count = ::poll(&ready, 1, static_cast<int>((wait_us + 999) / 1000));
  } while (count < 0 && errno == EINTR);
  if (count > 0) return true;
  failure_ = absl::DeadlineExceededError(
      left_us <= timeout_us ? fmt::format("{} within the call's time", what)
                            : fmt::format("{} for {} ms", what, timeout_us / 1000));
  return false;
}

void SocketStream::get_remote_ip_and_port(std::string& ip, int& port) const {
  SocketAddress address;
  getpeername(fd_.get(), address.raw(), &address.length);
  ip = address.Host();
  port = address.Port();
}

void SocketStream::get_local_ip_and_port(std::string& ip, int& port) const {
  SocketAddress address;
  getsockname(fd_.get(), address.raw(), &address.length);
  ip = address.Host();
  port = address.Port();
}

}  // namespace gonka::http
