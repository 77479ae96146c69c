// Which addresses an endpoint from the ledger may have. The lists are IANA's special-purpose
// registries for IPv4 and IPv6.
#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "gonka/http/url.h"

namespace gonka::http {
namespace {

struct Range4 {
  uint32_t network;
  int bits;
};

constexpr Range4 kReserved4[] = {
    {0x00000000, 8},   // this network
    {0x0a000000, 8},   // private
    {0x64400000, 10},  // carrier NAT
    {0x7f000000, 8},   // loopback
    {0xa9fe0000, 16},  // link-local, with the clouds' metadata service
    {0xac100000, 12},  // private
    {0xc0000000, 24},  // protocol assignments
    {0xc0000200, 24},  // documentation
    {0xc0586300, 24},  // 6to4 relays
    {0xc0a80000, 16},  // private
    {0xc6120000, 15},  // benchmarking
    {0xc6336400, 24},  // documentation
    {0xcb007100, 24},  // documentation
    {0xe0000000, 4},   // multicast
    {0xf0000000, 4},   // reserved, broadcast
};

using Address6 = std::array<uint8_t, 16>;

bool IsPublic4(uint32_t address) {
  return std::none_of(std::begin(kReserved4), std::end(kReserved4), [&](const Range4& range) {
    return (address ^ range.network) >> (32 - range.bits) == 0;
  });
}

uint32_t Embedded4(const Address6& address, size_t at) {
  return uint32_t{address[at]} << 24 | uint32_t{address[at + 1]} << 16 |
         uint32_t{address[at + 2]} << 8 | address[at + 3];
}

bool HasPrefix(const Address6& address, std::initializer_list<uint8_t> prefix) {
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

bool IsPublic6(const Address6& address) {
  if (HasPrefix(address, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff})) {  // ::ffff:1.2.3.4
    return IsPublic4(Embedded4(address, 12));
  }
  if (HasPrefix(address, {0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0})) {  // NAT64
    return IsPublic4(Embedded4(address, 12));
  }
  if (HasPrefix(address, {0x20, 0x02})) return IsPublic4(Embedded4(address, 2));  // 6to4
  if (HasPrefix(address, {0x20, 0x01, 0x0d, 0xb8})) return false;                 // documentation
  if (HasPrefix(address, {0x20, 0x01}) && address[2] < 2) return false;  // Teredo and protocols
  // Global unicast is 2000::/3. All else is loopback, local, multicast or unassigned.
  return (address[0] & 0xe0) == 0x20;
}

}  // namespace

bool IsPublicAddress(std::string_view address) {
  const std::string text(address);
  in_addr four;
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return IsPublic4(ntohl(four.s_addr));
  Address6 six;
  return inet_pton(AF_INET6, text.c_str(), six.data()) == 1 && IsPublic6(six);
}

}  // namespace gonka::http
