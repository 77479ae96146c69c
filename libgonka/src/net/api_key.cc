#include "gonka/net/api_key.h"

#include <fmt/format.h>

namespace gonka::net {
namespace {

constexpr size_t kKeyBytesMax = 1'024;

ApiError Unauthorized(const char* code, std::string message) {
  return {
      .status = 401, .type = "authentication_error", .code = code, .message = std::move(message)};
}

}  // namespace

std::optional<std::string> BearerKey(const http::Request& request) {
  const std::string* header = request.headers.Find("Authorization");
  constexpr std::string_view kScheme = "Bearer ";
  if (header == nullptr || header->size() <= kScheme.size() ||
      !http::EqualIgnoringCase(std::string_view(*header).substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  const size_t begin = header->find_first_not_of(' ', kScheme.size());
  if (begin == header->npos) return std::nullopt;
  return header->substr(begin, header->find_last_not_of(' ') + 1 - begin);
}

std::variant<Caller, ApiError> AuthenticateCaller(const http::Request& request,
                                                  const ledger::View& view, const AccountId& self) {
  const auto key = BearerKey(request);
  if (!key) {
    return Unauthorized("missing_api_key",
                        "no API key: send it as 'Authorization: Bearer KEY'; an Allow to this node "
                        "makes one");
  }
  if (key->size() > kKeyBytesMax) {
    return Unauthorized("invalid_api_key", fmt::format("the API key has {} bytes, at most {} are "
                                                       "taken",
                                                       key->size(), kKeyBytesMax));
  }
  const auto developer = ledger::FindDeveloperByKey(view, self, ApiKeyDigest(AsBytes(*key)));
  if (developer) return Caller{.developer = *developer};
  const KeyPair pair = ApiKeyPair(AsBytes(*key));
  const auto delegation = ledger::FindDelegation(view, AccountOf(pair.public_key()));
  if (delegation && delegation->orders && !delegation->revoked) {
    return Caller{.developer = delegation->account, .sub_account = pair};
  }
  // Never the key itself: this message ends in logs. Its end is enough to tell keys apart.
  return Unauthorized(
      "invalid_api_key",
      fmt::format("the API key '...{}' has no allowance at this transfer agent, or none any more",
                  key->size() > 8 ? key->substr(key->size() - 4) : ""));
}

std::variant<AccountId, ApiError> Authenticate(const http::Request& request,
                                               const ledger::View& view, const AccountId& self) {
  const auto caller = AuthenticateCaller(request, view, self);
  if (const auto* error = std::get_if<ApiError>(&caller)) return *error;
  const Caller& known = std::get<Caller>(caller);
  if (!known.sub_account) return known.developer;
  return Unauthorized("invalid_api_key", "this is the key of a sub-account; ask with its parent's");
}

}  // namespace gonka::net
