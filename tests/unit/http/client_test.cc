#include "gonka/http/client.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <atomic>
#include <condition_variable>
#include <future>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "gonka/http/server.h"
#include "raw_client.h"

namespace gonka::http {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);

ClientOptions Local() {
  return {.allow_private_addresses = true};
}

std::string Url(const Server& server, std::string_view path) {
  return fmt::format("http://127.0.0.1:{}{}", server.port(), path);
}

bool Has(const absl::Status& status, std::string_view part) {
  return std::string(status.message()).find(part) != std::string::npos;
}

// Answers the first bytes of every connection with what it was given, then closes.
class CannedServer {
 public:
  explicit CannedServer(std::string answer) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(fd_, 8) == 0);
    getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    url_ = fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port));
    thread_ = std::thread([this, answer = std::move(answer)] { Serve(answer); });
  }
  ~CannedServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  const std::string& url() const { return url_; }

 private:
  void Serve(const std::string& answer) {
    while (true) {
      const int connection = ::accept(fd_, nullptr, nullptr);
      if (connection < 0) return;
      char buffer[4096];
      if (::recv(connection, buffer, sizeof(buffer), 0) > 0) {
        ::send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      }
      ::shutdown(connection, SHUT_WR);
      while (::recv(connection, buffer, sizeof(buffer), 0) > 0) continue;
      ::close(connection);
    }
  }

  int fd_;
  std::string url_;
  std::thread thread_;
};

struct TestServer {
  TestServer() : server({}) {
    server.Route("POST", "/echo", [this](const Request& request, auto responder) {
      ports.insert(request.remote_port);
      responder->Send({.content_type = request.headers.Get("Content-Type"),
                       .body = request.method + " " + request.body,
                       .headers = {{"X-Seen", request.headers.Get("X-Mine")}}});
    });
    server.Route("GET", "/moved", [](const Request&, auto responder) {
      responder->Send({.status = 302, .headers = {{"Location", "/echo"}}});
    });
    server.Route("GET", "/large", [](const Request&, auto responder) {
      responder->Send({.body = std::string(100'000, 'x')});
    });
    server.Route("GET", "/stream", [this](const Request&, auto responder) {
      responder->OnHangUp([this] { hung_up.set_value(); });
      stream.set_value(responder->Stream({.status = 201, .content_type = "text/plain"}));
    });
    REQUIRE(server.Start().ok());
  }

  std::set<uint16_t> ports;  // Of the clients' ends; touched by one request at a time.
  std::promise<void> hung_up;
  std::promise<std::shared_ptr<StreamWriter>> stream;
  Server server;
};

TEST_CASE("requests go out and answers come back whole, over one connection") {
  TestServer test;
  Client client(Local());
  for (int i = 0; i < 20; ++i) {
    const std::string body(static_cast<size_t>(i * 10'000), 'b');
    const auto answer = client.Send({.method = "POST",
                                     .url = Url(test.server, "/echo"),
                                     .content_type = "application/octet-stream",
                                     .body = body,
                                     .headers = {{"X-Mine", "100%25 mine"}}});
    REQUIRE(answer.ok());
    CHECK(answer->status == 200);
    CHECK(answer->body == "POST " + body);
    // cpp-httplib decodes escapes in the values of fields that it reads.
    CHECK(answer->headers.Get("x-seen") == "100% mine");
  }
  CHECK(test.ports.size() == 1);
}

TEST_CASE("a redirect is an answer, not an order") {
  TestServer test;
  Client client(Local());
  const auto answer = client.Send({.url = Url(test.server, "/moved")});
  REQUIRE(answer.ok());
  CHECK(answer->status == 302);
  CHECK(answer->headers.Get("Location") == "/echo");
}

TEST_CASE("private addresses are refused unless they are allowed") {
  TestServer test;
  Client client({});
  for (const std::string& url :
       {Url(test.server, "/echo"), fmt::format("http://localhost:{}/", test.server.port()),
        std::string("http://[::1]:80/"), std::string("http://169.254.169.254/latest/meta-data")}) {
    CAPTURE(url);
    const absl::Status status = client.Send({.url = url}).status();
    CHECK(status.code() == absl::StatusCode::kPermissionDenied);
    CHECK(Has(status, url));
    CHECK(Has(status, "is not a public address"));
  }
}

TEST_CASE("errors say which call failed and why") {
  TestServer test;
  Client client(Local());
  const std::string large = Url(test.server, "/large");
  const absl::Status too_large = client.Send({.url = large, .answer_max = 99'999}).status();
  CHECK(too_large.code() == absl::StatusCode::kResourceExhausted);
  CHECK(Has(too_large, "GET " + large + ": the answer is larger than 99999 bytes"));
  CHECK(client.Send({.url = large, .answer_max = 100'000}).ok());

  const absl::Status bad = client.Send({.url = "gopher://x"}).status();
  CHECK(bad.code() == absl::StatusCode::kInvalidArgument);
  CHECK_FALSE(client.Send({.method = "GET /x", .url = large}).ok());

  const std::string url = Url(test.server, "/echo");
  test.server.Stop();
  const absl::Status refused = client.Send({.url = url}).status();
  CHECK(refused.code() == absl::StatusCode::kUnavailable);
  CHECK(Has(refused, "cannot connect to 127.0.0.1 port"));
}

TEST_CASE("a server that stays silent costs a bounded time") {
  std::mutex mutex;
  std::vector<std::shared_ptr<Responder>> unanswered;
  Server server({});
  server.Route("GET", "/", [&](const Request&, auto responder) {
    const std::lock_guard lock(mutex);
    unanswered.push_back(std::move(responder));
  });
  REQUIRE(server.Start().ok());
  Client client({.allow_private_addresses = true, .read_timeout_us = 20'000});
  const absl::Status silent = client.Send({.url = Url(server, "/")}).status();
  CHECK(silent.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(Has(silent, "no answer for 20 ms"));
  const absl::Status late = client.Send({.url = Url(server, "/"), .timeout_us = 10'000}).status();
  CHECK(late.code() == absl::StatusCode::kDeadlineExceeded);
  CHECK(Has(late, "no answer within the call's time"));
}

TEST_CASE("answers that are cut, malformed or endless are errors") {
  struct Row {
    std::string answer;
    std::string text;
  };
  const std::string ok = "HTTP/1.1 200 OK\r\n";
  const Row rows[] = {
      {"", "closed without an answer"},
      {"SSH-2.0-OpenSSH_9.2\r\n", "the answer is no HTTP response"},
      {"SSH-2.0-OpenSSH_9.2\r\n\r\n", "the answer is no HTTP response"},
      {ok + "Content-Length: 10\r\n\r\nshort", "the answer ended too early"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "the answer ended too early"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX\r\n0\r\n\r\n", "chunks are malformed"},
      {ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", "the answer ended too early"},
      {ok + "A: " + std::string(100'000, 'a'), "line longer than 4096 bytes"},
      {ok + "Transfer-Encoding: chunked\r\n\r\n" + std::string(100'000, '1'),
       "line longer than 4096 bytes"},
  };
  Client client(Local());
  for (const Row& row : rows) {
    CAPTURE(row.answer.substr(0, 100));
    CannedServer server(row.answer);
    const auto answer = client.Send({.url = server.url()});
    REQUIRE_FALSE(answer.ok());
    CHECK(Has(answer.status(), server.url()));
    CHECK(Has(answer.status(), row.text));
  }
  std::string head = ok;
  for (int i = 0; i < 10'000; ++i) head += fmt::format("A{}: b\r\n", i);
  CannedServer many(head);
  CHECK(Has(client.Send({.url = many.url()}).status(), "head is larger than 65536 bytes"));
}

TEST_CASE("an answer without a length ends with its connection") {
  CannedServer server("HTTP/1.0 200 OK\r\nX: y\r\n\r\nall of it");
  Client client(Local());
  const auto answer = client.Send({.url = server.url()});
  REQUIRE(answer.ok());
  CHECK(answer->body == "all of it");
}

TEST_CASE("a server's restart is not noticed by those who may ask twice") {
  auto server = std::make_unique<Server>(ServerOptions{});
  const auto answer = [](const Request&, auto responder) { responder->Send({.body = "here"}); };
  server->Route("GET", "/", answer);
  REQUIRE(server->Start().ok());
  const uint16_t port = server->port();
  const std::string url = Url(*server, "/");
  Client client(Local());
  CHECK(client.Send({.url = url}).ok());
  server = std::make_unique<Server>(ServerOptions{.port = port});
  server->Route("GET", "/", answer);
  REQUIRE(server->Start().ok());
  CHECK(client.Send({.url = url}).ok());
}

TEST_CASE("a stream arrives piece by piece, while it is being written") {
  TestServer test;
  Client client(Local());
  std::mutex mutex;
  std::condition_variable changed;
  std::string seen;
  int status = 0;
  std::promise<absl::Status> done;
  client.Start({.url = Url(test.server, "/stream")},
               {.on_head = [&](int code, const Headers&) { status = code; },
                .on_data =
                    [&](std::string_view data) {
                      const std::lock_guard lock(mutex);
                      seen += data;
                      changed.notify_all();
                    },
                .on_done = [&](absl::Status s) { done.set_value(s); }});
  const auto stream = test.stream.get_future().get();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    all += fmt::format("token {} ", i);
    REQUIRE(stream->Write(fmt::format("token {} ", i)));
    std::unique_lock lock(mutex);
    REQUIRE(changed.wait_for(lock, kPatience, [&] { return seen == all; }));
  }
  stream->Finish();
  CHECK(done.get_future().get().ok());
  CHECK(status == 201);
}

TEST_CASE("a stream that breaks off is an error") {
  TestServer test;
  Client client(Local());
  std::promise<absl::Status> done;
  client.Start({.url = Url(test.server, "/stream")},
               {.on_done = [&](absl::Status s) { done.set_value(s); }});
  {
    const auto stream = test.stream.get_future().get();
    stream->Write("some");
  }
  CHECK(Has(done.get_future().get(), "the answer ended too early"));
}

TEST_CASE("a call is cancelled from another thread, and the server sees it") {
  TestServer test;
  Client client(Local());
  std::promise<absl::Status> done;
  const auto call = client.Start({.url = Url(test.server, "/stream")},
                                 {.on_done = [&](absl::Status s) { done.set_value(s); }});
  const auto stream = test.stream.get_future().get();
  call->Cancel();
  CHECK(done.get_future().get().code() == absl::StatusCode::kCancelled);
  CHECK(test.hung_up.get_future().wait_for(kPatience) == std::future_status::ready);
  CHECK_FALSE(stream->Write("to nobody"));
  call->Cancel();
}

TEST_CASE("a client that is destroyed finishes every call first") {
  TestServer test;
  std::promise<absl::Status> done;
  {
    Client client(Local());
    client.Start({.url = Url(test.server, "/stream")},
                 {.on_done = [&](absl::Status s) { done.set_value(s); }});
    test.stream.get_future().get()->Write("x");
  }
  CHECK_FALSE(done.get_future().get().ok());
}

TEST_CASE("calls beyond what may wait fail at once") {
  TestServer test;
  Client client({.allow_private_addresses = true, .threads_max = 1, .waiting_max = 1});
  const std::string url = Url(test.server, "/stream");
  const auto first = client.Start({.url = url}, {});
  const auto stream = test.stream.get_future().get();
  std::promise<absl::StatusOr<ClientResponse>> second, third;
  client.SendAsync({.url = Url(test.server, "/large")}, [&](auto r) { second.set_value(r); });
  client.SendAsync({.url = url}, [&](auto r) { third.set_value(r); });
  const absl::Status refused = third.get_future().get().status();
  CHECK(refused.code() == absl::StatusCode::kResourceExhausted);
  CHECK(Has(refused, url + ": 1 calls are waiting already"));
  first->Cancel();
  CHECK(second.get_future().get()->body.size() == 100'000);
}

TEST_CASE("many threads share a client") {
  Server server({});
  server.Route("POST", "/", [](const Request& request, auto responder) {
    responder->Send({.body = request.body});
  });
  REQUIRE(server.Start().ok());
  Client client(Local());
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string body = fmt::format("{}/{}", t, i);
        const auto answer = client.Send({.method = "POST", .url = Url(server, "/"), .body = body});
        right += answer.ok() && answer->body == body;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 400);
  CHECK(server.connections() <= 8);
}

}  // namespace
}  // namespace gonka::http
