#include "http/connector.h"

#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>

#include <cstring>

namespace gonka::http {

void CallSocket::Cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

bool CallSocket::Watch(int fd) {
  const std::lock_guard lock(mutex_);
  if (cancelled_) return false;
  fd_ = fd;
  return true;
}

void CallSocket::Unwatch() {
  const std::lock_guard lock(mutex_);
  fd_ = -1;
}

absl::StatusOr<Connector::Leased> Connector::Lease(const Url& url, CallSocket& call,
                                                   int64_t deadline_us, bool fresh_only) {
  if (!fresh_only) {
    if (auto stream = TakeIdle(url.Authority())) {
      if (!call.Watch(stream->socket())) return absl::CancelledError("cancelled");
      return Leased{.stream = std::move(stream), .reused = true};
    }
  }
  absl::StatusOr<std::vector<SocketAddress>> addresses = Resolve(url);
  if (!addresses.ok()) return addresses.status();
  absl::Status failure;
  for (const SocketAddress& address : *addresses) {
    // Checked here and connected to here: a name that resolves differently the next time, or to
    // several addresses, gains nothing.
    if (!options_.allow_private_addresses && !IsPublicAddress(address.Host())) {
      failure =
          absl::PermissionDeniedError(fmt::format("{} is not a public address", address.Host()));
      continue;
    }
    absl::StatusOr<UniqueFd> fd = Connect(address, call, deadline_us);
    if (fd.ok()) return Leased{.stream = std::make_unique<SocketStream>(*std::move(fd))};
    failure = fd.status();
    if (call.cancelled()) break;
  }
  return failure;
}

std::unique_ptr<SocketStream> Connector::TakeIdle(const std::string& authority) {
  const std::lock_guard lock(mutex_);
  const auto found = idle_.find(authority);
  if (found == idle_.end()) return nullptr;
  std::unique_ptr<SocketStream> stream;
  auto& pool = found->second;
  while (!stream && !pool.empty()) {
    Idle idle = std::move(pool.back());
    pool.pop_back();
    --idle_count_;
    const bool fresh = NowUs() - idle.since_us < options_.idle_timeout_us;
    if (fresh && idle.stream->Reusable()) stream = std::move(idle.stream);
  }
  if (pool.empty()) idle_.erase(found);
  return stream;
}

void Connector::Return(const Url& url, std::unique_ptr<SocketStream> stream) {
  const std::lock_guard lock(mutex_);
  if (idle_count_ >= options_.idle_max) {
    idle_.clear();  // Many hosts were met once: start afresh rather than keep an order of use.
    idle_count_ = 0;
  }
  auto& pool = idle_[url.Authority()];
  const int64_t now = NowUs();
  // The front is the oldest. What stood idle too long goes, so that no socket is kept for ever.
  while (!pool.empty() && (pool.size() >= options_.idle_per_host_max ||
                           now - pool.front().since_us >= options_.idle_timeout_us)) {
    pool.erase(pool.begin());
    --idle_count_;
  }
  pool.push_back({.stream = std::move(stream), .since_us = now});
  ++idle_count_;
}

absl::StatusOr<std::vector<SocketAddress>> Connector::Resolve(const Url& url) const {
  if (absl::StatusOr<SocketAddress> numeric = NumericAddress(url.host, url.port); numeric.ok()) {
    return std::vector<SocketAddress>{*numeric};
  }
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
  if (error != 0) {
    return absl::UnavailableError(
        fmt::format("cannot look up {}: {}", url.host, gai_strerror(error)));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* one = found; one && addresses.size() < 8; one = one->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, one->ai_addr, one->ai_addrlen);
    address.length = one->ai_addrlen;
  }
  freeaddrinfo(found);
  if (addresses.empty()) return absl::UnavailableError(fmt::format("{} has no address", url.host));
  return addresses;
}

absl::StatusOr<UniqueFd> Connector::Connect(const SocketAddress& address, CallSocket& call,
                                            int64_t deadline_us) const {
  UniqueFd fd(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.ok()) {
    return absl::UnavailableError(fmt::format("cannot open a socket: {}", ErrnoText(errno)));
  }
  SetNoDelay(fd.get());
  SetKeepAlive(fd.get(), options_.write_timeout_us);
  if (!call.Watch(fd.get())) return absl::CancelledError("cancelled");
  int error = ::connect(fd.get(), address.raw(), address.length) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    const int64_t wait_us =
        std::clamp<int64_t>(deadline_us - NowUs(), 0, options_.connect_timeout_us);
    pollfd ready{.fd = fd.get(), .events = POLLOUT, .revents = 0};
    const int count = ::poll(&ready, 1, static_cast<int>((wait_us + 999) / 1000));
    socklen_t size = sizeof(error);
    if (count == 0) {
      error = ETIMEDOUT;
    } else {
      getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  if (error == 0 && !call.cancelled()) return fd;
  call.Unwatch();
  if (call.cancelled()) return absl::CancelledError("cancelled");
  return absl::UnavailableError(fmt::format("cannot connect to {} port {}: {}", address.Host(),
                                            address.Port(), ErrnoText(error)));
}

}  // namespace gonka::http
