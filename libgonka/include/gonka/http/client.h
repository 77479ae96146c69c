#pragma once

// An HTTP/1.1 client with pooled keep-alive connections. Any thread. Follows no redirects, takes
// no compressed answers, and connects to public addresses only unless told otherwise, because
// endpoints come from the ledger, where anyone can write "http://127.0.0.1:6379/".

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "gonka/http/message.h"

namespace gonka::http {

struct ClientOptions {
  bool allow_private_addresses = false;  // Loopback, private, link-local and reserved ranges.
  int64_t connect_timeout_us = 3'000'000;
  int64_t read_timeout_us = 60'000'000;   // Longest silence of the server.
  int64_t write_timeout_us = 20'000'000;  // Longest time for it to take nothing.
  int64_t idle_timeout_us = 20'000'000;   // A pooled connection is dropped then; keep it well below
                                          // the server's idle time.
  size_t idle_per_host_max = 64;
  size_t idle_max = 512;
  size_t threads_max = 256;   // Calls under way by Start and SendAsync.
  size_t waiting_max = 1024;  // Calls waiting for one of these threads; beyond it they fail.
};

struct ClientRequest {
  std::string method = "GET";
  std::string url = {};  // "http://host:port/path?query"
  std::string content_type = "application/json";
  std::string body = {};
  Headers headers = {};

  int64_t timeout_us = 120'000'000;  // For all of it.
  size_t answer_max = 64 << 20;      // Bytes of the answer's body.
  // A pooled connection may turn out to be closed just as it is used. GET is then sent again on a
  // new one; other methods only where repeating does no harm.
  bool repeatable = false;
};

// Any status is an answer: only a failure to get one is an error.
struct ClientResponse {
  int status = 0;
  Headers headers;
  std::string body;
};

// Called on one of the client's threads. on_done comes exactly once and last, also after Cancel
// (kCancelled). on_data may block, which slows the sender down. A body that ends before its
// announced end is an error, not an end.
struct StreamEvents {
  std::function<void(int status, const Headers& headers)> on_head = {};
  std::function<void(std::string_view data)> on_data = {};
  std::function<void(absl::Status status)> on_done = {};
};

// A call under way. Dropping this does not stop it.
class OngoingCall {
 public:
  OngoingCall();
  ~OngoingCall();
  OngoingCall(const OngoingCall&) = delete;
  OngoingCall& operator=(const OngoingCall&) = delete;

  // Any thread; returns at once. The connection is closed, so that the server sees it.
  void Cancel();

 private:
  friend class Client;
  struct State;
  std::unique_ptr<State> state_;
};

// Errors name the URL: kInvalidArgument (bad URL), kPermissionDenied (address policy), kUnavailable
// (cannot connect, connection lost), kDeadlineExceeded, kResourceExhausted (answer too large, too
// many calls), kCancelled.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();  // Cancels all calls and waits for their on_done.
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Blocks the calling thread.
  absl::StatusOr<ClientResponse> Send(ClientRequest request);

  using Done = std::function<void(absl::StatusOr<ClientResponse>)>;
  std::shared_ptr<OngoingCall> SendAsync(ClientRequest request, Done done);

  // A streamed answer, piece by piece as it arrives.
  std::shared_ptr<OngoingCall> Start(ClientRequest request, StreamEvents events);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gonka::http
