#include "http/request_reader.h"

#include <doctest/doctest.h>

#include <vector>

namespace gonka::http {
namespace {

constexpr RequestLimits kLimits{.head_max = 1024, .body_max = 100};
using State = RequestReader::State;

// The status of the refusal, 200 when the request is done, 0 when it wants more.
int StatusOf(std::string_view text) {
  RequestReader reader(kLimits);
  reader.Read(text);
  if (reader.state() == State::kRefused) return reader.refusal_status();
  return reader.state() == State::kDone ? 200 : 0;
}

TEST_CASE("a request means the same however its bytes are cut") {
  const std::string text =
      "POST /a%20b?x=1&y=two+words&z HTTP/1.1\r\nHost: h\r\nX-One:  spaced \t\r\n"
      "Transfer-Encoding: Chunked\r\n\r\n5;ext=1\r\nhello\r\n6\r\n world\r\n0\r\nTrailer: "
      "x\r\n\r\nNEXT";
  for (size_t step = 1; step <= text.size(); ++step) {
    RequestReader reader(kLimits);
    size_t at = 0;
    while (at < text.size() && reader.state() != State::kDone) {
      at += reader.Read(std::string_view(text).substr(at, step));
    }
    REQUIRE(reader.state() == State::kDone);
    CHECK(text.substr(at) == "NEXT");
    const Request request = reader.TakeRequest();
    CHECK(request.method == "POST");
    CHECK(request.path == "/a%20b");
    CHECK(*request.Query("y") == "two words");
    CHECK(*request.Query("z") == "");
    CHECK(request.Query("w") == nullptr);
    CHECK(request.headers.Get("x-one") == "spaced");
    CHECK(request.body == "hello world");
  }
}

TEST_CASE("what is not a plain request is refused, and with which status") {
  const std::string host = "Host: h\r\n";
  struct Row {
    std::string text;
    int status;
  };
  const std::vector<Row> rows = {
      {"GET / HTTP/1.1\r\n" + host + "\r\n", 200},
      {"\r\n\r\nGET / HTTP/1.1\r\n" + host + "\r\n", 200},
      {"GET / HTTP/1.0\r\n\r\n", 200},
      {"OPTIONS * HTTP/1.1\r\n" + host + "\r\n", 200},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\nok", 200},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", 200},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 3\r\n\r\nok", 0},
      {"GET / HTTP/1.1\r\n" + host, 0},
      {"GET / HTTP/1.1\n" + host + "\n", 0},
      {"GET / HTTP/1.1\n" + host + "\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + host + "\r\n", 400},
      {"\x16\x03\x01", 400},
      {"GET /\r\n" + host + "\r\n", 400},
      {"GET  / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", 505},
      {"GET / http/1.1\r\n" + host + "\r\n", 400},
      {"G(T / HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET http://h/ HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /\x80 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /?a=%4 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET /?a=%00 HTTP/1.1\r\n" + host + "\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "Name : v\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "Name\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A: b\r\n folded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n" + host + "A: b\rc\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: -1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: +1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1x\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length:\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 101\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 99999999999999999999999\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\n" + host + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\n" + host + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\n" + host + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n", 415},
      {"POST / HTTP/1.1\r\n" + host + "Expect: miracles\r\nContent-Length: 1\r\n\r\n", 417},
      {"GET / HTTP/1.1\r\n" + host + "A: " + std::string(1100, 'a'), 431},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(StatusOf(row.text) == row.status);
  }
}

TEST_CASE("a chunked body is bounded by its sum, and its frame is exact") {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string fifty = "32\r\n" + std::string(50, 'x') + "\r\n";
  CHECK(StatusOf(head + fifty + fifty + "0\r\n\r\n") == 200);
  CHECK(StatusOf(head + fifty + fifty + "1\r\n") == 413);
  CHECK(StatusOf(head + "65\r\n") == 413);
  CHECK(StatusOf(head + "ffffffffffffffffffff\r\n") == 413);
  CHECK(StatusOf(head + "0x1\r\n") == 400);
  CHECK(StatusOf(head + "-1\r\n") == 400);
  CHECK(StatusOf(head + "\r\n") == 400);
  CHECK(StatusOf(head + "1\nx\r\n") == 400);
  CHECK(StatusOf(head + "1\r\nxy\r\n") == 400);
  CHECK(StatusOf(head + "1;" + std::string(2000, 'e')) == 400);
  CHECK(StatusOf(head + "0\r\n" + std::string(1000, 't') + "\r\n" + std::string(100, 't') +
                 "\r\n") == 431);
}

TEST_CASE("keeping a connection is the client's choice") {
  const auto keeps = [](std::string_view text) {
    RequestReader reader(kLimits);
    reader.Read(text);
    REQUIRE(reader.state() == State::kDone);
    return reader.keep_alive();
  };
  CHECK(keeps("GET / HTTP/1.1\r\nHost: h\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.1\r\nHost: h\r\nConnection: foo, Close\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
}

}  // namespace
}  // namespace gonka::http
