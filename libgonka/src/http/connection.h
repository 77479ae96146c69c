#pragma once

// One connection of the server, as a state machine over a non-blocking socket.
//
// A connection that waits, for bytes or for an answer, sits in epoll and holds no thread. Each
// event is delivered to one worker (EPOLLONESHOT), which moves the connection on and arms it again.
// Answers are written by whoever makes them, straight to the socket; only what it does not take
// waits for a worker. One mutex per connection guards all of it and is held while a handler runs by
// nobody.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "gonka/http/server.h"
#include "http/request_reader.h"
#include "http/router.h"
#include "http/socket.h"

namespace gonka::http {

class Connection;

// All connections of a server, by number. Any thread.
class ConnectionTable {
 public:
  void Add(uint64_t id, std::shared_ptr<Connection> connection);
  void Remove(uint64_t id);
  std::shared_ptr<Connection> Find(uint64_t id) const;
  std::vector<std::shared_ptr<Connection>> All() const;
  size_t size() const;

 private:
  mutable std::mutex mutex_;
  std::unordered_map<uint64_t, std::shared_ptr<Connection>> connections_;
};

// What connections share. They keep it alive, so responders may outlive the server.
struct ServerContext {
  ServerOptions options;
  Router router;
  UniqueFd epoll;
  ConnectionTable table;
  std::atomic<size_t> body_bytes = 0;
  std::atomic<bool> stopping = false;

  Response Refusal(int status, const std::string& message) const;
};

// One request under way and what has become of its answer. Guarded by its connection's mutex.
class Exchange {
 public:
  Exchange(std::shared_ptr<Connection> connection, const Request& request, bool http_1_0,
           bool keep_alive);

  void Send(const Response& response);
  bool StartStream(const Response& response);
  bool Write(std::string_view data);
  bool WriteWait(std::string_view data, int64_t timeout_us);
  void Finish();
  // The handler let go of it: 500, or a cut stream.
  void Abandon();
  void Cut();
  bool HungUp() const;
  void OnHangUp(std::function<void()> task);

 private:
  friend class Connection;
  enum class State { kOpen, kStreaming, kDone, kHungUp };

  std::string Head(const Response& response, bool with_length) const;
  std::string Framed(std::string_view data) const;
  bool HasNoBody(int status) const;

  const std::shared_ptr<Connection> connection_;
  const bool head_only_;
  const bool http_1_0_;
  const bool keep_alive_;
  bool muted_ = false;
  State state_ = State::kOpen;
  std::function<void()> on_hang_up_;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<ServerContext> context, uint64_t id, UniqueFd fd,
             const SocketAddress& remote);

  // Registers with epoll.
  void Open();
  // Instead of Open: answers at once and closes.
  void OpenRefused(int status, const std::string& message);
  // A worker, with what epoll reported.
  void OnReady(uint32_t events);
  // Now and then: enforces the time limits.
  void OnTick(int64_t now_us);
  // The server stops: true while an answer may still come that is worth waiting for.
  bool OnStop();
  void Cut();

 private:
  friend class Exchange;
  enum class Phase { kReading, kBusy, kClosing, kClosed };
  using Lock = std::unique_lock<std::mutex>;
  // What must wait until the lock is released: declare it before the lock.
  class Deferred {
   public:
    ~Deferred();
    void Run(std::function<void()> task) { task_ = std::move(task); }
    // Not run, but destroyed only then: it may hold the last reference to a responder.
    void Drop(std::function<void()> task) { dropped_ = std::move(task); }

   private:
    std::function<void()> task_;
    std::function<void()> dropped_;
  };

  // All of these with mutex_ held.
  void ReadRequests(Lock& lock, Deferred& deferred);
  bool ReadSome(Deferred& deferred);
  void NoteProgress();
  void CountBody();
  void Dispatch(Lock& lock);
  void Handle(Request request, const std::shared_ptr<Exchange>& exchange);
  void Refuse(int status, const std::string& message);
  void Write(std::string_view data, Deferred& deferred);
  void Flush(Deferred& deferred);
  size_t SendSome(std::string_view data, Deferred& deferred);
  size_t Unsent() const { return out_.size() - out_sent_; }
  void Complete(bool keep_alive, Deferred& deferred);
  void BeginClose();
  void Drain(Deferred& deferred);
  void Close(Deferred& deferred);
  void Arm();
  void ArmUnlessDispatching();

  const std::shared_ptr<ServerContext> context_;
  const uint64_t id_;
  const std::string remote_address_;
  const uint16_t remote_port_;

  std::mutex mutex_;
  std::condition_variable room_;  // Unsent bytes went away, or the connection closed.
  UniqueFd fd_;
  Phase phase_ = Phase::kReading;
  RequestReader reader_;
  std::string in_;  // Read, but not of the request under way.
  std::string out_;
  size_t out_sent_ = 0;
  int64_t deadline_us_ = 0;        // Of the phase; 0 is none.
  int64_t write_deadline_us_ = 0;  // While something is unsent.
  bool head_seen_ = false;
  bool served_ = false;  // Has answered before: its silence is idleness.
  size_t body_counted_ = 0;
  std::shared_ptr<Exchange> exchange_;  // While kBusy.
  std::thread::id dispatcher_;          // Whose handler is running.
};

}  // namespace gonka::http
