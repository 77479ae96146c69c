#include "http/connection.h"

#include <fmt/format.h>
#include <sys/epoll.h>

#include "gonka/base/check.h"

namespace gonka::http {
namespace {

constexpr size_t kReadSize = 64 << 10;
constexpr int64_t kCloseUs = 2'000'000;

}  // namespace

Connection::Deferred::~Deferred() {
  if (task_) task_();
}

void ConnectionTable::Add(uint64_t id, std::shared_ptr<Connection> connection) {
  const std::lock_guard lock(mutex_);
  connections_.emplace(id, std::move(connection));
}

void ConnectionTable::Remove(uint64_t id) {
  std::shared_ptr<Connection> last;  // Destroyed after the lock.
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  last = std::move(found->second);
  connections_.erase(found);
}

std::shared_ptr<Connection> ConnectionTable::Find(uint64_t id) const {
  const std::lock_guard lock(mutex_);
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Connection>> ConnectionTable::All() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Connection>> all;
  all.reserve(connections_.size());
  for (const auto& [id, connection] : connections_) all.push_back(connection);
  return all;
}

size_t ConnectionTable::size() const {
  const std::lock_guard lock(mutex_);
  return connections_.size();
}

Response ServerContext::Refusal(int status, const std::string& message) const {
  Response response;
  if (options.refusal) {
    response = options.refusal(status, message);
  } else {
    response.content_type = "text/plain";
    response.body = message + "\n";
  }
  response.status = status;
  return response;
}

Connection::Connection(std::shared_ptr<ServerContext> context, uint64_t id, UniqueFd fd,
                       const SocketAddress& remote)
    : context_(std::move(context)),
      id_(id),
      remote_address_(remote.Host()),
      remote_port_(remote.Port()),
      fd_(std::move(fd)),
      reader_({.head_max = context_->options.head_max, .body_max = context_->options.body_max}) {}

void Connection::Open() {
  const std::lock_guard lock(mutex_);
  deadline_us_ = NowUs() + context_->options.head_timeout_us;
  epoll_event event{.events = EPOLLIN | EPOLLONESHOT, .data = {.u64 = id_}};
  epoll_ctl(context_->epoll.get(), EPOLL_CTL_ADD, fd_.get(), &event);
}

void Connection::OpenRefused(int status, const std::string& message) {
  const std::lock_guard lock(mutex_);
  epoll_event event{.events = EPOLLONESHOT, .data = {.u64 = id_}};
  epoll_ctl(context_->epoll.get(), EPOLL_CTL_ADD, fd_.get(), &event);
  Refuse(status, message);
  Arm();
}

void Connection::OnReady(uint32_t events) {
  Deferred deferred;
  Lock lock(mutex_);
  if (phase_ == Phase::kClosed) return;
  if (events & (EPOLLERR | EPOLLHUP)) return Close(deferred);
  // Whoever ends its sending side while it waits for an answer counts as gone: that is what a
  // client that was stopped looks like, and its work should stop, too.
  if (phase_ == Phase::kBusy && (events & EPOLLRDHUP)) return Close(deferred);
  Flush(deferred);
  if (phase_ == Phase::kClosing) Drain(deferred);
  if (phase_ == Phase::kReading) ReadRequests(lock, deferred);
  Arm();
}

void Connection::ReadRequests(Lock& lock, Deferred& deferred) {
  // A client that does not take its answers is not read from.
  while (phase_ == Phase::kReading && Unsent() == 0 && ReadSome(deferred)) {
    NoteProgress();
    CountBody();
    if (phase_ != Phase::kReading) return;
    if (reader_.TakeExpectsContinue()) Write("HTTP/1.1 100 Continue\r\n\r\n", deferred);
    if (reader_.state() == RequestReader::State::kRefused) {
      return Refuse(reader_.refusal_status(), reader_.refusal());
    }
    if (reader_.state() == RequestReader::State::kDone) Dispatch(lock);
  }
}

// False when there is nothing to read for now, or ever.
bool Connection::ReadSome(Deferred& deferred) {
  if (!in_.empty()) {
    in_.erase(0, reader_.Read(in_));
    return true;
  }
  char buffer[kReadSize];
  const ssize_t count = ::recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    Close(deferred);
    return false;
  }
  const std::string_view data(buffer, static_cast<size_t>(count));
  in_ = data.substr(reader_.Read(data));
  return true;
}

// Each part of a request has its own time limit, which its bytes do not prolong.
void Connection::NoteProgress() {
  const bool in_body = reader_.state() == RequestReader::State::kBody;
  if (in_body && !head_seen_) {
    head_seen_ = true;
    deadline_us_ = NowUs() + context_->options.body_timeout_us;
  } else if (!in_body && served_ && reader_.started()) {
    served_ = false;
    deadline_us_ = NowUs() + context_->options.head_timeout_us;
  }
}

void Connection::CountBody() {
  const size_t held = reader_.buffered();
  const size_t total = context_->body_bytes += held - body_counted_;
  body_counted_ = held;
  if (total > context_->options.bodies_max) {
    Refuse(503, "too many request bodies are being received; try again");
  }
}

void Connection::Dispatch(Lock& lock) {
  Request request = reader_.TakeRequest();
  request.remote_address = remote_address_;
  request.remote_port = remote_port_;
  const auto exchange = std::make_shared<Exchange>(shared_from_this(), request, reader_.http_1_0(),
                                                   reader_.keep_alive() && !context_->stopping);
  reader_.Reset();
  context_->body_bytes -= std::exchange(body_counted_, 0);
  head_seen_ = false;
  phase_ = Phase::kBusy;
  deadline_us_ = 0;
  exchange_ = exchange;
  dispatcher_ = std::this_thread::get_id();
  lock.unlock();
  Handle(std::move(request), exchange);
  lock.lock();
  dispatcher_ = {};
}

void Connection::Handle(Request request, const std::shared_ptr<Exchange>& exchange) {
  const auto responder = std::make_shared<Responder>(exchange);
  const Router::Match match = context_->router.Find(request);
  if (match.handler) {
    try {
      return (*match.handler)(std::move(request), responder);
    } catch (const std::exception&) {
      return;  // The responder answers 500 as it goes.
    }
  }
  Response response = context_->Refusal(
      match.status, match.status == 400   ? fmt::format("the path {} is malformed", request.path)
                    : match.status == 405 ? fmt::format("{} is not possible with {}; {} is",
                                                        request.method, request.path, match.allow)
                                          : fmt::format("there is no {}", request.path));
  if (!match.allow.empty()) response.headers.Add("Allow", match.allow);
  responder->Send(std::move(response));
}

// For what never became a request: the connection cannot be trusted to be in step.
void Connection::Refuse(int status, const std::string& message) {
  Deferred unused;
  const auto exchange = std::make_shared<Exchange>(shared_from_this(), Request(), false, false);
  const Response response = context_->Refusal(status, message);
  Write(exchange->Head(response, true) + response.body, unused);
  if (phase_ != Phase::kClosed) BeginClose();
}

void Connection::Write(std::string_view data, Deferred& deferred) {
  if (phase_ == Phase::kClosed) return;
  if (Unsent() == 0) {
    data.remove_prefix(SendSome(data, deferred));
    if (data.empty() || phase_ == Phase::kClosed) return;
    write_deadline_us_ = NowUs() + context_->options.write_timeout_us;
  }
  out_ += data;
}

void Connection::Flush(Deferred& deferred) {
  if (Unsent() == 0) return;
  const size_t sent = SendSome(std::string_view(out_).substr(out_sent_), deferred);
  if (sent == 0 || phase_ == Phase::kClosed) return;
  out_sent_ += sent;
  write_deadline_us_ = NowUs() + context_->options.write_timeout_us;
  if (Unsent() == 0 || out_sent_ > (size_t{1} << 20)) {
    out_.erase(0, out_sent_);
    out_sent_ = 0;
  }
  if (Unsent() == 0) {
    write_deadline_us_ = 0;
    if (phase_ == Phase::kClosing) ::shutdown(fd_.get(), SHUT_WR);
  }
  room_.notify_all();
}

// How much the socket took. Closes the connection when it takes nothing any more.
size_t Connection::SendSome(std::string_view data, Deferred& deferred) {
  size_t sent = 0;
  while (sent < data.size()) {
    const ssize_t count =
        ::send(fd_.get(), data.data() + sent, data.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count >= 0) {
      sent += static_cast<size_t>(count);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno != EINTR) {
      Close(deferred);
      break;
    }
  }
  return sent;
}

void Connection::Complete(bool keep_alive, Deferred& deferred) {
  if (exchange_) deferred.Drop(std::exchange(exchange_->on_hang_up_, nullptr));
  exchange_.reset();
  if (phase_ == Phase::kClosed) return;
  if (keep_alive && !context_->stopping) {
    phase_ = Phase::kReading;
    served_ = true;
    deadline_us_ = NowUs() + context_->options.idle_timeout_us;
  } else {
    BeginClose();
  }
  ArmUnlessDispatching();
}

// To close with unread bytes would reset the connection, and the client might lose the answer that
// tells it why: so we end our side, and read and drop until the client ends its own, or 2 s.
void Connection::BeginClose() {
  phase_ = Phase::kClosing;
  in_.clear();
  context_->body_bytes -= std::exchange(body_counted_, 0);
  deadline_us_ = NowUs() + kCloseUs;
  if (Unsent() == 0) ::shutdown(fd_.get(), SHUT_WR);
}

void Connection::Drain(Deferred& deferred) {
  char buffer[kReadSize];
  ssize_t count;
  do {
    count = ::recv(fd_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
  } while (count > 0 && NowUs() < deadline_us_);
  if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) Close(deferred);
}

void Connection::Close(Deferred& deferred) {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  fd_.Reset();
  context_->body_bytes -= std::exchange(body_counted_, 0);
  out_.clear();
  out_sent_ = 0;
  if (exchange_) {
    exchange_->state_ = Exchange::State::kHungUp;
    deferred.Run(std::exchange(exchange_->on_hang_up_, nullptr));
    exchange_.reset();
  }
  room_.notify_all();
  context_->table.Remove(id_);
}

void Connection::Arm() {
  if (phase_ == Phase::kClosed) return;
  uint32_t events = EPOLLONESHOT;
  if (Unsent() > 0) events |= EPOLLOUT;
  if (phase_ == Phase::kBusy) events |= EPOLLRDHUP;
  if (phase_ == Phase::kClosing) events |= EPOLLIN;
  if (phase_ == Phase::kReading && Unsent() == 0) {
    // What has been read already makes no event: being writable does.
    events |= in_.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT;
  }
  epoll_event event{.events = events, .data = {.u64 = id_}};
  epoll_ctl(context_->epoll.get(), EPOLL_CTL_MOD, fd_.get(), &event);
}

void Connection::ArmUnlessDispatching() {
  // The worker whose handler this is arms when the handler returns.
  if (dispatcher_ != std::this_thread::get_id()) Arm();
}

void Connection::OnTick(int64_t now_us) {
  Deferred deferred;
  const Lock lock(mutex_);
  if (phase_ == Phase::kClosed) return;
  if (Unsent() > 0 && now_us > write_deadline_us_) return Close(deferred);
  if (deadline_us_ == 0 || now_us <= deadline_us_) return;
  if (phase_ == Phase::kReading && reader_.started()) {
    Refuse(408, "the request did not arrive in time");
    return Arm();
  }
  Close(deferred);
}

bool Connection::OnStop() {
  Deferred deferred;
  const Lock lock(mutex_);
  const bool answering = phase_ == Phase::kBusy && exchange_->state_ == Exchange::State::kOpen;
  const bool flushing = phase_ == Phase::kClosing && Unsent() > 0;
  if (answering || flushing) return true;
  Close(deferred);
  return false;
}

void Connection::Cut() {
  Deferred deferred;
  const Lock lock(mutex_);
  Close(deferred);
}

}  // namespace gonka::http
