#include "gonka/http/server.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <condition_variable>
#include <future>
#include <list>
#include <thread>

#include "raw_client.h"

namespace gonka::http {
namespace {

constexpr std::string_view kGet = "GET /hello HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr auto kPatience = std::chrono::seconds(30);

bool Has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// "/hello", "/echo" (POST) and whatever a test adds before Start.
struct TestServer {
  explicit TestServer(ServerOptions options = {}) : server(std::move(options)) {
    server.Route("GET", "/hello", [](const Request&, auto responder) {
      responder->Send({.content_type = "text/plain", .body = "hello"});
    });
    server.Route("POST", "/echo", [](const Request& request, auto responder) {
      responder->Send({.content_type = "text/plain", .body = request.body});
    });
  }
  uint16_t Start() {
    REQUIRE(server.Start().ok());
    return server.port();
  }
  // The exchange whose answer the test will give, once a client has asked for "/later".
  std::future<std::shared_ptr<Responder>> Later() {
    auto promise = std::make_shared<std::promise<std::shared_ptr<Responder>>>();
    auto future = promise->get_future();
    server.Route("GET", "/later", [promise](const Request&, auto responder) {
      promise->set_value(std::move(responder));
    });
    return future;
  }

  Server server;
};

constexpr std::string_view kGetLater = "GET /later HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_CASE("a connection serves one request after another, pipelined ones in order") {
  TestServer test;
  RawClient client(test.Start());
  for (int i = 0; i < 20; ++i) {
    REQUIRE(client.Send(kGet));
    CHECK(Has(client.ReadUntil("hello"), "HTTP/1.1 200 OK\r\n"));
  }
  std::string burst;
  for (int i = 0; i < 50; ++i) {
    const std::string body = fmt::format("number {}.", i);
    burst += fmt::format("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{}",
                         body.size(), body);
  }
  REQUIRE(client.Send(burst));
  const std::string answers = client.ReadUntil("number 49.");
  size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find(fmt::format("number {}.", i), at);
    REQUIRE(at != std::string::npos);
  }
  CHECK(test.server.connections() == 1);
}

TEST_CASE("paths find their handlers, and the others an error that names them") {
  TestServer test;
  test.server.Route("GET", "/models/{model}/files/{path...}", [](const Request& request, auto r) {
    r->Send({.body = *request.PathParam("model") + "|" + *request.PathParam("path")});
  });
  const uint16_t port = test.Start();
  struct Row {
    const char* request;
    const char* status;
    const char* text;
  };
  const Row rows[] = {
      {"GET /models/tiny%2F1/files/a/b%20c", "200", "tiny/1|a/b c"},
      {"HEAD /hello", "200", "Content-Length: 5\r\nConnection: close\r\n\r\n"},
      {"GET /nowhere", "404", "there is no /nowhere"},
      {"GET /hello/", "404", "there is no /hello/"},
      {"GET /models//files/x", "404", "there is no"},
      {"PUT /hello", "405", "Allow: GET"},
      {"GET /%zz", "400", "the path /%zz is malformed"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.request);
    RawClient client(port);
    REQUIRE(client.Send(
        fmt::format("{} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", row.request)));
    const std::string answer = client.ReadAll();
    CHECK(answer.substr(9, 3) == row.status);
    CHECK(Has(answer, row.text));
  }
}

TEST_CASE("a refusal looks as its owner wants, and the connection is closed after it") {
  TestServer test({.refusal = [](int status, const std::string& message) {
    return Response{.body = fmt::format("{{\"{}\": \"{}\"}}", status, message)};
  }});
  RawClient client(test.Start());
  REQUIRE(client.Send("nonsense\r\n\r\n"));
  const std::string answer = client.ReadAll();
  CHECK(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"));
  CHECK(Has(answer, "Connection: close\r\n"));
  CHECK(Has(answer, "{\"400\": \"\"nonsense\" is no request line\"}"));
}

TEST_CASE("a body of 100 MB is refused as soon as the bound is crossed, plain or chunked") {
  TestServer test({.body_max = 1 << 20});
  const uint16_t port = test.Start();
  const std::string mega(1 << 20, 'x');
  SUBCASE("its length announced: before any of it") {
    RawClient client(port);
    REQUIRE(client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 104857600\r\n\r\n"));
    CHECK(Has(client.ReadUntil("\r\n\r\n"), "413 Content Too Large"));
  }
  SUBCASE("chunked: the client sends on, and still gets to read why") {
    RawClient client(port);
    REQUIRE(client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
    bool sent = true;
    for (int i = 0; i < 100 && sent; ++i) sent = client.Send("100000\r\n" + mega + "\r\n");
    CHECK(Has(client.ReadUntil("1048576 bytes"), "413 Content Too Large"));
  }
  SUBCASE("the largest that is allowed is taken") {
    RawClient client(port);
    REQUIRE(client.Send("POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));
    REQUIRE(client.Send("100000\r\n" + mega + "\r\n0\r\n\r\n"));
    CHECK(Has(client.ReadUntil(mega), "Content-Length: 1048576\r\n"));
  }
}

TEST_CASE("bodies that are only announced and trickle in share one bound") {
  TestServer test({.body_max = 1000, .bodies_max = 1500});
  const uint16_t port = test.Start();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";
  RawClient first(port);
  REQUIRE(first.Send(head + std::string(999, 'x')));
  // Until the server has come to read the first one, there is room for another.
  std::string answer;
  while (!Has(answer, "503 Service Unavailable")) {
    RawClient probe(port);
    REQUIRE(probe.Send(head + std::string(999, 'y') + "."));
    answer = probe.ReadUntil("\r\n\r\n");
    REQUIRE(answer.starts_with("HTTP/1.1 "));
  }
  REQUIRE(first.Send("x"));
  CHECK(Has(first.ReadUntil("xxx"), "200 OK"));
  RawClient next(port);
  REQUIRE(next.Send(head + std::string(1000, 'z')));
  CHECK(Has(next.ReadUntil("zzz"), "200 OK"));
}

TEST_CASE("a client that waits for 100 Continue gets it, unless the body is refused") {
  TestServer test({.body_max = 10});
  const uint16_t port = test.Start();
  const std::string head = "POST /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n";
  RawClient client(port);
  REQUIRE(client.Send(head + "Content-Length: 4\r\n\r\n"));
  CHECK(client.ReadUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  REQUIRE(client.Send("body"));
  CHECK(Has(client.ReadUntil("body"), "200 OK"));
  RawClient large(port);
  REQUIRE(large.Send(head + "Content-Length: 40\r\n\r\n"));
  CHECK(large.ReadUntil("\r\n\r\n").starts_with("HTTP/1.1 413"));
}

TEST_CASE("200 silent connections, and as many slow ones, do not keep others waiting") {
  TestServer test;
  const uint16_t port = test.Start();
  std::list<RawClient> silent;
  for (int i = 0; i < 200; ++i) silent.emplace_back(port);
  for (int i = 0; i < 100; ++i) REQUIRE(silent.emplace_back(port).Send("POST /echo HTT"));
  for (int i = 0; i < 100; ++i) {
    REQUIRE(silent.emplace_back(port).Send(
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nslow"));
  }
  for (int i = 0; i < 20; ++i) {
    RawClient client(port);
    REQUIRE(client.Send(kGet));
    CHECK(Has(client.ReadUntil("hello"), "200 OK"));
  }
  REQUIRE(silent.back().Send(" body"));
  CHECK(Has(silent.back().ReadUntil("slow body"), "200 OK"));
}

TEST_CASE("who sends nothing, or not enough, is let go when the time is up") {
  TestServer test(
      {.head_timeout_us = 50'000, .body_timeout_us = 50'000, .idle_timeout_us = 50'000});
  const uint16_t port = test.Start();
  RawClient silent(port), half(port), idle(port), body(port);
  REQUIRE(half.Send("GET / HT"));
  REQUIRE(idle.Send(kGet));
  REQUIRE(body.Send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n"));
  CHECK(silent.ReadAll() == "");
  CHECK(half.ReadAll().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  CHECK(body.ReadAll().starts_with("HTTP/1.1 408 Request Timeout\r\n"));
  CHECK(idle.ReadAll().ends_with("hello"));
}

TEST_CASE("connections beyond the limit are told so and closed; a place that frees is taken") {
  TestServer test({.connections_max = 2});
  const uint16_t port = test.Start();
  RawClient first(port);
  auto second = std::make_unique<RawClient>(port);
  REQUIRE(first.Send(kGet));
  first.ReadUntil("hello");
  REQUIRE(second->Send(kGet));
  second->ReadUntil("hello");
  RawClient third(port);
  const std::string answer = third.ReadAll();
  CHECK(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(Has(answer, "all 2 connections are taken"));
  third.Close();
  second.reset();
  while (test.server.connections() > 1) std::this_thread::yield();
  RawClient fourth(port);
  REQUIRE(fourth.Send(kGet));
  CHECK(Has(fourth.ReadUntil("hello"), "200 OK"));
}

TEST_CASE("a port in use is an error that names address and port") {
  TestServer first;
  const uint16_t port = first.Start();
  Server second({.port = port});
  const absl::Status status = second.Start();
  CHECK(status.code() == absl::StatusCode::kUnavailable);
  CHECK(Has(std::string(status.message()),
            fmt::format("cannot listen on 127.0.0.1 port {}: Address already in use", port)));
  Server nowhere({.address = "not-an-address"});
  CHECK(Has(std::string(nowhere.Start().message()), "\"not-an-address\" is no IPv4"));
}

TEST_CASE("an answer may come later and from anywhere") {
  TestServer test;
  auto responder = test.Later();
  RawClient client(test.Start());
  REQUIRE(client.Send(std::string(kGetLater) + std::string(kGet)));
  std::thread([&] { responder.get()->Send({.status = 202, .body = "at last"}); }).join();
  const std::string answers = client.ReadUntil("hello");
  CHECK(answers.starts_with("HTTP/1.1 202 Accepted\r\n"));
  CHECK(answers.find("at last") < answers.find("hello"));
}

TEST_CASE("a handler that drops or throws is a 500, and the server goes on") {
  TestServer test;
  test.server.Route("GET", "/drop", [](const Request&, const auto&) {});
  test.server.Route("GET", "/throw",
                    [](const Request&, const auto&) { throw std::runtime_error("oops"); });
  RawClient client(test.Start());
  for (const char* path : {"/drop", "/throw"}) {
    REQUIRE(client.Send(fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path)));
    CHECK(Has(client.ReadUntil("without an answer"), "500 Internal Server Error"));
  }
  REQUIRE(client.Send(kGet));
  CHECK(Has(client.ReadUntil("hello"), "200 OK"));
}

TEST_CASE("what a handler echoes cannot become a header field") {
  TestServer test;
  test.server.Route("GET", "/echo-header", [](const Request& request, auto responder) {
    responder->Send({.headers = {{"X-Echo", *request.Query("q")}}});
  });
  RawClient client(test.Start());
  REQUIRE(client.Send("GET /echo-header?q=a%0d%0aSet-Cookie:b HTTP/1.1\r\nHost: h\r\n\r\n"));
  CHECK(Has(client.ReadUntil("\r\n\r\n"), "X-Echo: a??Set-Cookie:b\r\n"));
}

TEST_CASE("a stream is written from another thread, as chunks, each as it comes") {
  TestServer test;
  auto responder = test.Later();
  RawClient client(test.Start());
  REQUIRE(client.Send(kGetLater));
  const auto stream = responder.get()->Stream({.content_type = "text/event-stream"});
  CHECK(Has(client.ReadUntil("\r\n\r\n"), "Transfer-Encoding: chunked\r\n"));
  for (int i = 0; i < 100; ++i) {
    const std::string piece = fmt::format("piece {}", i);
    std::thread([&] { CHECK(stream->Write(piece)); }).join();
    CHECK(client.ReadUntil(piece + "\r\n") == fmt::format("{:x}\r\n{}\r\n", piece.size(), piece));
  }
  CHECK(stream->Write(""));  // Not the end.
  stream->Finish();
  CHECK(client.ReadUntil("0\r\n\r\n") == "0\r\n\r\n");
  CHECK_FALSE(stream->Write("late"));
  REQUIRE(client.Send(kGet));
  CHECK(Has(client.ReadUntil("hello"), "200 OK"));
}

TEST_CASE("to HTTP/1.0 a stream ends with its connection") {
  TestServer test;
  auto responder = test.Later();
  RawClient client(test.Start());
  REQUIRE(client.Send("GET /later HTTP/1.0\r\n\r\n"));
  const auto stream = responder.get()->Stream({.body = "first "});
  CHECK(stream->Write("second"));
  stream->Finish();
  const std::string answer = client.ReadAll();
  CHECK(Has(answer, "Connection: close\r\n\r\nfirst second"));
  CHECK_FALSE(Has(answer, "chunked"));
}

TEST_CASE("a client that hangs up is noticed though nothing is written") {
  TestServer test;
  auto future = test.Later();
  RawClient client(test.Start());
  REQUIRE(client.Send(kGetLater));
  const auto responder = future.get();
  std::promise<void> gone;
  responder->OnHangUp([&] { gone.set_value(); });
  SUBCASE("while it waits for an answer") {
    client.Close();
    REQUIRE(gone.get_future().wait_for(kPatience) == std::future_status::ready);
    responder->Send({.body = "too late"});
  }
  SUBCASE("in the middle of a stream") {
    const auto stream = responder->Stream({.body = "begin"});
    client.ReadUntil("begin");
    client.Close();
    REQUIRE(gone.get_future().wait_for(kPatience) == std::future_status::ready);
    CHECK_FALSE(stream->Write("more"));
    CHECK(stream->HungUp());
  }
  CHECK(responder->HungUp());
  bool at_once = false;
  responder->OnHangUp([&] { at_once = true; });
  CHECK(at_once);
  CHECK(test.server.connections() == 0);
}

TEST_CASE("a stream whose writer is dropped before its end is cut, not ended") {
  TestServer test;
  auto responder = test.Later();
  RawClient client(test.Start());
  REQUIRE(client.Send(kGetLater));
  responder.get()->Stream({.body = "half"});
  const std::string answer = client.ReadAll();
  CHECK(Has(answer, "half"));
  CHECK_FALSE(Has(answer, "0\r\n\r\n"));
}

TEST_CASE("a client that does not read is cut off when too much waits for it") {
  TestServer test({.unsent_max = 100'000});
  auto responder = test.Later();
  RawClient client(test.Start());
  REQUIRE(client.Send(kGetLater));
  const auto stream = responder.get()->Stream({});
  const std::string piece(10'000, 'x');
  size_t written = 0;
  while (stream->Write(piece)) written += piece.size();
  CHECK(stream->HungUp());
  CHECK(written < (64 << 20));  // The socket's own buffers hold some megabytes.
}

TEST_CASE("a patient writer gets a large stream through to a slow reader") {
  TestServer test({.unsent_max = 100'000});
  std::thread writer;
  test.server.Route("GET", "/large", [&](const Request&, auto responder) {
    auto stream = responder->Stream({});
    writer = std::thread([stream] {
      for (int i = 0; i < 4000; ++i) {
        REQUIRE(stream->WriteWait(std::string(10'000, 'x'), 30'000'000));
      }
      stream->Finish();
    });
  });
  RawClient client(test.Start());
  REQUIRE(client.Send("GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  const std::string answer = client.ReadAll();
  CHECK(std::count(answer.begin(), answer.end(), 'x') == 40'000'000);
  writer.join();
}

TEST_CASE("a handler may itself write with patience") {
  TestServer test({.threads_max = 4, .unsent_max = 100'000});
  test.server.Route("GET", "/large", [](const Request&, auto responder) {
    const auto stream = responder->Stream({});
    for (int i = 0; i < 1000; ++i) {
      REQUIRE(stream->WriteWait(std::string(10'000, 'x'), 30'000'000));
    }
    stream->Finish();
  });
  RawClient client(test.Start());
  REQUIRE(client.Send("GET /large HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  const std::string answer = client.ReadAll();
  CHECK(std::count(answer.begin(), answer.end(), 'x') == 10'000'000);
}

TEST_CASE("stopping ends streams, lets open answers out and closes the port") {
  auto test = std::make_unique<TestServer>(ServerOptions{.stop_grace_us = 30'000'000});
  auto future = test->Later();
  std::promise<std::shared_ptr<StreamWriter>> streaming;
  test->server.Route("GET", "/stream", [&](const Request&, auto responder) {
    streaming.set_value(responder->Stream({.body = "begin"}));
  });
  const uint16_t port = test->Start();
  RawClient waiting(port), streamed(port), idle(port);
  REQUIRE(waiting.Send(kGetLater));
  REQUIRE(streamed.Send("GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"));
  const auto responder = future.get();
  const auto stream = streaming.get_future().get();
  std::thread stopper([&] { test->server.Stop(); });
  CHECK_FALSE(Has(streamed.ReadAll(), "0\r\n\r\n"));
  CHECK(idle.ReadAll() == "");
  responder->Send({.body = "just in time"});
  CHECK(waiting.ReadAll().ends_with("just in time"));
  stopper.join();
  test.reset();
  CHECK_FALSE(stream->Write("to nobody"));
  Server next({.port = port});
  CHECK(next.Start().ok());
}

TEST_CASE("stopping does not wait for ever for an answer") {
  TestServer test({.stop_grace_us = 1000});
  auto responder = test.Later();
  RawClient client(test.Start());
  REQUIRE(client.Send(kGetLater));
  const auto held = responder.get();
  test.server.Stop();
  CHECK(held->HungUp());
  held->Send({});
}

}  // namespace
}  // namespace gonka::http
