#pragma once

// http:// URLs, read strictly: what is not written plainly is refused.

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace gonka::http {

struct Url {
  std::string host;  // "example.org", "10.0.0.1", "::1" (without brackets)
  uint16_t port = 80;
  std::string path = "/";  // With the query, as it goes into a request line.

  // "host:port", an IPv6 host in brackets.
  std::string Authority() const;
  std::string ToString() const;
};

// "http://host[:port][/path][?query]". No other scheme, user name, fragment, space or control
// character; at most 2,048 bytes. Errors quote the text.
absl::StatusOr<Url> ParseUrl(std::string_view text);

// base without a trailing slash, then path: JoinUrl("http://h:1/", "/v1/x") = "http://h:1/v1/x".
std::string JoinUrl(std::string_view base, std::string_view path);

// Percent-decoding; nothing for a broken escape or a NUL. plus_is_space for queries.
bool PercentDecode(std::string_view text, bool plus_is_space, std::string& out);
// Everything but letters, digits and "-._~" escaped.
std::string PercentEncode(std::string_view text);

// False for loopback, private, link-local, multicast, documentation and other reserved addresses,
// also where an IPv6 address carries such an IPv4 one, and for what is no numeric address.
bool IsPublicAddress(std::string_view address);

}  // namespace gonka::http
