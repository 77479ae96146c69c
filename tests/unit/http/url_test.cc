#include "gonka/http/url.h"

#include <doctest/doctest.h>

namespace gonka::http {
namespace {

TEST_CASE("a plain URL is taken apart and put together again") {
  struct Row {
    const char* text;
    const char* host;
    uint16_t port;
    const char* path;
    const char* again;
  };
  const Row rows[] = {
      {"http://example.org", "example.org", 80, "/", "http://example.org:80/"},
      {"http://a-b.c:8080/v1/x?y=z", "a-b.c", 8080, "/v1/x?y=z", "http://a-b.c:8080/v1/x?y=z"},
      {"http://127.0.0.1:1?q", "127.0.0.1", 1, "/?q", "http://127.0.0.1:1/?q"},
      {"http://[::1]:65535/", "::1", 65535, "/", "http://[::1]:65535/"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto url = ParseUrl(row.text);
    REQUIRE(url.ok());
    CHECK(url->host == row.host);
    CHECK(url->port == row.port);
    CHECK(url->path == row.path);
    CHECK(url->ToString() == row.again);
  }
}

TEST_CASE("anything else is no URL") {
  for (const char* text : {"",
                           "example.org",
                           "https://example.org",
                           "HTTP://example.org",
                           "http://",
                           "http:///x",
                           "http://user@host/",
                           "http://host:0/",
                           "http://host:65536/",
                           "http://host:/",
                           "http://host:1x/",
                           "http://host:+1/",
                           "http://ho st/",
                           "http://host/#f",
                           "http://host/\n",
                           "http://[::1/",
                           "http://[nope]/",
                           "http://[::1]x/",
                           "http://-host/",
                           "http://host-:1/",
                           "http://h\xc3\xb6st/",
                           "http://a\\b/"}) {
    CAPTURE(text);
    CHECK_FALSE(ParseUrl(text).ok());
  }
  CHECK_FALSE(ParseUrl("http://h/" + std::string(3000, 'x')).ok());
  CHECK(std::string(ParseUrl("ftp://h").status().message()).find("\"ftp://h\"") !=
        std::string::npos);
}

TEST_CASE("paths join with exactly one slash") {
  CHECK(JoinUrl("http://h:1", "v1") == "http://h:1/v1");
  CHECK(JoinUrl("http://h:1/", "/v1") == "http://h:1/v1");
}

TEST_CASE("percent escapes come back as what they were, and broken ones are refused") {
  std::string out;
  CHECK(PercentEncode("a b/\xc3\xa4~") == "a%20b%2F%C3%A4~");
  CHECK((PercentDecode("a%20b%2f%C3%A4~+", false, out) && out == "a b/\xc3\xa4~+"));
  CHECK((PercentDecode("a+b", true, out) && out == "a b"));
  for (const char* text : {"%", "%2", "%zz", "%00", "a%"}) {
    CAPTURE(text);
    CHECK_FALSE(PercentDecode(text, false, out));
  }
}

TEST_CASE("only addresses of the open internet are public") {
  for (const char* text :
       {"1.1.1.1", "8.8.8.8", "172.15.0.1", "172.32.0.1", "100.128.0.1", "192.169.0.1",
        "2606:4700::1111", "::ffff:8.8.8.8", "2002:0808:0808::1"}) {
    CAPTURE(text);
    CHECK(IsPublicAddress(text));
  }
  for (const char* text : {"0.0.0.0",
                           "10.1.2.3",
                           "100.64.0.1",
                           "127.0.0.1",
                           "127.255.255.254",
                           "169.254.169.254",
                           "172.16.0.1",
                           "172.31.255.255",
                           "192.168.1.1",
                           "198.18.0.1",
                           "224.0.0.1",
                           "255.255.255.255",
                           "::",
                           "::1",
                           "fe80::1",
                           "fc00::1",
                           "fd12::1",
                           "ff02::1",
                           "::ffff:127.0.0.1",
                           "::ffff:10.0.0.1",
                           "64:ff9b::7f00:1",
                           "2002:7f00:1::",
                           "2001:db8::1",
                           "2001::1",
                           "localhost",
                           "",
                           "1.2.3",
                           "0x7f.1"}) {
    CAPTURE(text);
    CHECK_FALSE(IsPublicAddress(text));
  }
}

}  // namespace
}  // namespace gonka::http
