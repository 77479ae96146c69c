#pragma once

// Connections for calls: found in the pool, or made, after a look at the address.

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "gonka/http/client.h"
#include "gonka/http/url.h"
#include "http/socket_stream.h"

namespace gonka::http {

// Lets a call be stopped from outside wherever it waits on a socket: shutting the socket down wakes
// it. A name that is being looked up cannot be interrupted; the call ends after it.
class CallSocket {
 public:
  void Cancel();
  bool cancelled() const { return cancelled_; }
  // False, and fd is not watched, when the call has been cancelled.
  bool Watch(int fd);
  void Unwatch();

 private:
  std::mutex mutex_;
  std::atomic<bool> cancelled_ = false;
  int fd_ = -1;
};

class Connector {
 public:
  explicit Connector(const ClientOptions& options) : options_(options) {}

  struct Leased {
    std::unique_ptr<SocketStream> stream;
    bool reused = false;
  };
  // The stream is watched by the call.
  absl::StatusOr<Leased> Lease(const Url& url, CallSocket& call, int64_t deadline_us,
                               bool fresh_only);
  // After an answer, when the connection is good for another.
  void Return(const Url& url, std::unique_ptr<SocketStream> stream);

 private:
  struct Idle {
    std::unique_ptr<SocketStream> stream;
    int64_t since_us;
  };

  std::unique_ptr<SocketStream> TakeIdle(const std::string& authority);
  absl::StatusOr<UniqueFd> Connect(const SocketAddress& address, CallSocket& call,
                                   int64_t deadline_us) const;
  absl::StatusOr<std::vector<SocketAddress>> Resolve(const Url& url) const;

  const ClientOptions& options_;
  std::mutex mutex_;
  std::map<std::string, std::vector<Idle>> idle_;  // By authority; the freshest last.
  size_t idle_count_ = 0;
};

}  // namespace gonka::http
