#include "gonka/http/url.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace gonka::http {
namespace {

constexpr size_t kUrlMax = 2048;
constexpr std::string_view kScheme = "http://";

absl::Status BadUrl(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(fmt::format(
      "\"{}\" is no URL of the form http://host:port/path: {}", text.substr(0, 200), why));
}

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= 253 && IsAlnum(host.front()) && host.back() != '-' &&
         std::all_of(host.begin(), host.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '.' || c == '_'; });
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

bool ParsePort(std::string_view text, uint16_t& port) {
  if (text.empty() || text.size() > 5) return false;
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  port = static_cast<uint16_t>(value);
  return value >= 1 && value <= 65535;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string Url::Authority() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::string Url::ToString() const {
  return fmt::format("http://{}{}", Authority(), path);
}

absl::StatusOr<Url> ParseUrl(std::string_view text) {
  if (text.size() > kUrlMax) return BadUrl(text, "it is longer than 2048 bytes");
  if (std::any_of(text.begin(), text.end(), [](char c) { return c <= ' ' || c >= 127; })) {
    return BadUrl(text, "it holds a space, a control character or one outside ASCII");
  }
  if (!text.starts_with(kScheme)) return BadUrl(text, "only http:// is spoken here");
  if (text.find('#') != std::string_view::npos) return BadUrl(text, "it has a fragment");
  std::string_view rest = text.substr(kScheme.size());

  Url url;
  const size_t path_at = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, path_at);
  if (authority.find('@') != std::string_view::npos) return BadUrl(text, "it has a user name");
  const std::string_view path = rest.substr(path_at);
  if (!path.empty()) url.path = path.front() == '?' ? "/" + std::string(path) : std::string(path);

  std::string_view port;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return BadUrl(text, "its address has no closing bracket");
    url.host = authority.substr(1, end - 1);
    if (!IsIpv6(url.host)) return BadUrl(text, "the brackets hold no IPv6 address");
    port = authority.substr(end + 1);
  } else {
    const size_t colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    if (!IsHostName(url.host)) return BadUrl(text, "its host is no name or address");
    port = authority.substr(colon);
  }
  if (port.empty()) return url;
  if (port.front() != ':' || !ParsePort(port.substr(1), url.port)) {
    return BadUrl(text, "its port is not in 1 to 65535");
  }
  return url;
}

std::string JoinUrl(std::string_view base, std::string_view path) {
  while (base.ends_with('/')) base.remove_suffix(1);
  return fmt::format("{}{}{}", base, path.starts_with('/') ? "" : "/", path);
}

bool PercentDecode(std::string_view text, bool plus_is_space, std::string& out) {
  out.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size()) return false;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus_is_space) {
      c = ' ';
    }
    if (c == '\0') return false;
    out += c;
  }
  return true;
}

std::string PercentEncode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (IsAlnum(c) || c == '-' || c == '.' || c == '_' || c == '~') {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

}  // namespace gonka::http
