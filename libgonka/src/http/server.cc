#include "gonka/http/server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <list>

#include "gonka/base/check.h"
#include "http/connection.h"

namespace gonka::http {
namespace {

constexpr size_t kThreadsMin = 4;
constexpr size_t kRefusedMax = 64;  // Connections above the limit that are being told so.
constexpr int kTickMs = 200;
constexpr int kThreadIdleMs = 10'000;
constexpr uint64_t kStopEvent = 0;  // Connections count from 1.

}  // namespace

class Server::Impl {
 public:
  explicit Impl(ServerOptions options) : context_(std::make_shared<ServerContext>()) {
    context_->options = std::move(options);
    GONKA_CHECK(context_->options.threads_max >= 1 && context_->options.connections_max >= 1);
  }

  Router& router() {
    GONKA_CHECK(!acceptor_.joinable());
    return context_->router;
  }
  uint16_t port() const { return port_; }
  size_t connections() const { return context_->table.size(); }

  absl::Status Start();
  void Stop();

 private:
  absl::Status Listen();
  void Accept();
  void AcceptOne();
  void AddWorker();
  void Work();
  void WaitForAnswers();

  std::shared_ptr<ServerContext> context_;
  UniqueFd listener_;
  UniqueFd stop_event_;
  uint16_t port_ = 0;
  uint64_t next_id_ = 1;  // Acceptor's.
  std::thread acceptor_;

  std::mutex workers_mutex_;
  std::list<std::thread> workers_;
  std::vector<std::thread> finished_workers_;
  std::atomic<size_t> waiting_workers_ = 0;
};

absl::Status Server::Impl::Listen() {
  const ServerOptions& options = context_->options;
  const std::string where =
      fmt::format("cannot listen on {} port {}", options.address, options.port);
  absl::StatusOr<SocketAddress> address = NumericAddress(options.address, options.port);
  if (!address.ok()) {
    return absl::InvalidArgumentError(
        fmt::format("{}: {}", where, std::string(address.status().message())));
  }
  listener_ =
      UniqueFd(::socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  // Not SO_REUSEPORT: with it two servers share a port, and each sees half of the requests.
  const int on = 1;
  setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (!listener_.ok() || ::bind(listener_.get(), address->raw(), address->length) != 0 ||
      ::listen(listener_.get(), 1024) != 0) {
    const int error = errno;
    listener_.Reset();
    return absl::UnavailableError(fmt::format("{}: {}", where, ErrnoText(error)));
  }
  SocketAddress bound;
  getsockname(listener_.get(), bound.raw(), &bound.length);
  port_ = bound.Port();
  return absl::OkStatus();
}

absl::Status Server::Impl::Start() {
  GONKA_CHECK(!acceptor_.joinable() && !context_->stopping);
  if (absl::Status status = Listen(); !status.ok()) return status;
  context_->epoll = UniqueFd(epoll_create1(EPOLL_CLOEXEC));
  stop_event_ = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!context_->epoll.ok() || !stop_event_.ok()) {
    return absl::UnavailableError(
        fmt::format("cannot serve on port {}: {}", port_, ErrnoText(errno)));
  }
  epoll_event event{.events = EPOLLIN, .data = {.u64 = kStopEvent}};
  epoll_ctl(context_->epoll.get(), EPOLL_CTL_ADD, stop_event_.get(), &event);
  for (size_t i = 0; i < std::min(kThreadsMin, context_->options.threads_max); ++i) AddWorker();
  acceptor_ = std::thread([this] { Accept(); });
  return absl::OkStatus();
}

void Server::Impl::Stop() {
  if (!acceptor_.joinable()) return;
  context_->stopping = true;
  ::shutdown(listener_.get(), SHUT_RDWR);  // Wakes the acceptor.
  acceptor_.join();
  listener_.Reset();
  WaitForAnswers();
  const uint64_t one = 1;
  GONKA_CHECK(::write(stop_event_.get(), &one, sizeof(one)) == sizeof(one));
  // No worker starts another once stopping is set and seen under the mutex.
  std::list<std::thread> workers;
  {
    const std::lock_guard lock(workers_mutex_);
    workers.swap(workers_);
    for (std::thread& thread : finished_workers_) workers.push_back(std::move(thread));
    finished_workers_.clear();
  }
  for (std::thread& thread : workers) thread.join();
  // Responders may keep the context, but not what the handlers refer to.
  context_->router = Router();
}

void Server::Impl::WaitForAnswers() {
  const int64_t deadline = NowUs() + context_->options.stop_grace_us;
  while (true) {
    bool answering = false;
    for (const auto& connection : context_->table.All()) answering |= connection->OnStop();
    if (!answering) return;
    if (NowUs() > deadline) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (const auto& connection : context_->table.All()) connection->Cut();
}

// Accepts, and looks at everybody's time limits five times a second.
void Server::Impl::Accept() {
  int64_t next_tick = NowUs();
  while (!context_->stopping) {
    pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, kTickMs) > 0 && !context_->stopping) AcceptOne();
    const int64_t now = NowUs();
    if (now < next_tick) continue;
    next_tick = now + kTickMs * 1000;
    for (const auto& connection : context_->table.All()) connection->OnTick(now);
  }
}

void Server::Impl::AcceptOne() {
  SocketAddress remote;
  UniqueFd fd(
      ::accept4(listener_.get(), remote.raw(), &remote.length, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!fd.ok()) {
    // Out of descriptors or memory: existing connections go on, and may free some.
    if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return;
  }
  SetNoDelay(fd.get());
  SetKeepAlive(fd.get(), context_->options.write_timeout_us);
  const size_t open = context_->table.size();
  if (open >= context_->options.connections_max + kRefusedMax) return;  // Closed without a word.
  const uint64_t id = next_id_++;
  const auto connection = std::make_shared<Connection>(context_, id, std::move(fd), remote);
  context_->table.Add(id, connection);
  if (open < context_->options.connections_max) {
    connection->Open();
  } else {
    connection->OpenRefused(503, fmt::format("all {} connections are taken; try again",
                                             context_->options.connections_max));
  }
}

void Server::Impl::AddWorker() {
  const std::lock_guard lock(workers_mutex_);
  for (std::thread& thread : finished_workers_) thread.join();
  finished_workers_.clear();
  if (context_->stopping || workers_.size() >= context_->options.threads_max) return;
  workers_.emplace_back([this] { Work(); });
}

// All idle workers wait in epoll; the last one to leave it fetches another. So a request wakes one
// thread and is handed to no other.
void Server::Impl::Work() {
  while (true) {
    ++waiting_workers_;
    epoll_event event;
    const int count = epoll_wait(context_->epoll.get(), &event, 1, kThreadIdleMs);
    const size_t still_waiting = --waiting_workers_;
    if (count > 0 && event.data.u64 == kStopEvent) return;
    if (count > 0) {
      if (still_waiting == 0) AddWorker();
      const auto connection = context_->table.Find(event.data.u64);
      if (connection) connection->OnReady(event.events);
    } else if (count == 0 && still_waiting >= kThreadsMin) {
      const std::lock_guard lock(workers_mutex_);
      const auto self = std::find_if(workers_.begin(), workers_.end(), [](const std::thread& t) {
        return t.get_id() == std::this_thread::get_id();
      });
      if (self == workers_.end()) continue;  // Stop is joining this one.
      finished_workers_.push_back(std::move(*self));
      workers_.erase(self);
      return;
    }
  }
}

Server::Server(ServerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Server::~Server() {
  Stop();
}
void Server::Route(std::string method, std::string pattern, Handler handler) {
  impl_->router().Add(std::move(method), pattern, std::move(handler));
}
absl::Status Server::Start() {
  return impl_->Start();
}
uint16_t Server::port() const {
  return impl_->port();
}
void Server::Stop() {
  impl_->Stop();
}
size_t Server::connections() const {
  return impl_->connections();
}

}  // namespace gonka::http
