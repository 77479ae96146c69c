#pragma once

// An HTTP/1.1 server for strangers: everything is bounded, and a connection that does nothing costs
// a descriptor and no thread.
//
//   http::Server server({.address = "0.0.0.0", .port = 8080});
//   server.Route("GET", "/v1/models/{model}", [](http::Request request, auto responder) {
//     responder->Send({.body = Describe(*request.PathParam("model"))});
//   });
//   GONKA_RETURN_IF_ERROR(server.Start());
//
// Handlers run on the server's threads, several at once, and should not block for long: keep the
// responder, return, and answer from any other thread at any later time.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "gonka/http/message.h"

namespace gonka::http {

class Exchange;

struct ServerOptions {
  std::string address = "127.0.0.1";  // A numeric IPv4 or IPv6 address to bind.
  uint16_t port = 0;                  // 0: any free one, see Server::port().

  size_t connections_max = 1024;  // Beyond it: 503 at once, and closed.
  size_t threads_max = 32;        // For handlers; started as needed, at least 4.
  size_t head_max = 32 << 10;     // Request line and header fields, bytes. Beyond it: 431.
  size_t body_max = 16 << 20;     // Bytes, chunked or not. Beyond it: 413 as soon as it is known.
  size_t bodies_max = 512 << 20;  // Bytes of all bodies being received. Beyond it: 503.
  size_t unsent_max = 4 << 20;    // Bytes of one stream its client has not taken yet.

  int64_t head_timeout_us = 5'000'000;    // From connecting, or the first byte, to a whole head.
  int64_t body_timeout_us = 60'000'000;   // From the head to the whole body.
  int64_t idle_timeout_us = 60'000'000;   // Between two requests of a connection.
  int64_t write_timeout_us = 20'000'000;  // For a client to take anything of what is unsent.
  int64_t stop_grace_us = 500'000;        // For handlers to answer after Stop.

  // Makes the body of what the server refuses by itself (400, 404, 405, 408, 413, ...).
  // Default: the message as text/plain.
  std::function<Response(int status, const std::string& message)> refusal = {};
};

// A response whose body is sent piece by piece, as chunks. Any thread, one call at a time or many.
// Dropping the last reference before Finish cuts the connection, so that the client can tell.
class StreamWriter {
 public:
  explicit StreamWriter(std::shared_ptr<Exchange> exchange);
  ~StreamWriter();
  StreamWriter(const StreamWriter&) = delete;
  StreamWriter& operator=(const StreamWriter&) = delete;

  // Never blocks: sends what the client takes at once and keeps the rest. False when the client
  // has hung up; a client that leaves more than unsent_max waiting is cut off, too.
  bool Write(std::string_view data);
  // Waits, at most that long, until there is room for data. For worker threads, not for a loop.
  bool WriteWait(std::string_view data, int64_t timeout_us);
  // The body is complete. Later calls do nothing.
  void Finish();
  bool HungUp() const;

 private:
  std::shared_ptr<Exchange> exchange_;
};

// The answering end of one request. Any thread. Exactly one of Send and Stream is called, once;
// dropping the last reference without it answers 500.
class Responder {
 public:
  explicit Responder(std::shared_ptr<Exchange> exchange);
  ~Responder();
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  void Send(Response response);
  // Sends status and headers at once. response.body, if any, is the first piece.
  std::shared_ptr<StreamWriter> Stream(Response response);

  bool HungUp() const;
  // Runs task once, on a thread of the server or inside a call of Write, when the client hangs up
  // or the server stops before the answer is complete; at once if that has happened. A client is
  // seen to hang up at once, even if nothing is written. The task should post, not work.
  void OnHangUp(std::function<void()> task);

 private:
  std::shared_ptr<Exchange> exchange_;
};

using Handler = std::function<void(Request request, std::shared_ptr<Responder> responder)>;

class Server {
 public:
  explicit Server(ServerOptions options);
  ~Server();  // Stops.
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Before Start. The pattern's segments are literal, "{name}" (one segment, decoded) or, last,
  // "{name...}" (all that follows). Where several match, the one registered first is taken. HEAD
  // goes to GET's handler. A path without this method is answered 405, an unknown one 404.
  void Route(std::string method, std::string pattern, Handler handler);

  // Fails with a message naming address and port, e.g. when the port is taken.
  absl::Status Start();
  uint16_t port() const;
  // Refuses new requests, gives open ones stop_grace_us, cuts streams, then joins all threads. Not
  // from a handler. Responders that outlive it do nothing.
  void Stop();

  // Open connections, for metrics.
  size_t connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace gonka::http
