#pragma once

// Who is calling: an API key in the Authorization header. Either a developer has put its digest into
// its Allow to this node, or it is the key of a sub-account (protocol/delegation.h).

#include <optional>
#include <string>
#include <variant>

#include "gonka/http/message.h"
#include "gonka/ledger/queries.h"
#include "gonka/net/api_error.h"

namespace gonka::net {

// The text after "Bearer "; nothing where the header is absent or of another scheme.
std::optional<std::string> BearerKey(const http::Request& request);

struct Caller {
  AccountId developer;
  // Where the key belongs to a sub-account: what signs its requests.
  std::optional<KeyPair> sub_account = std::nullopt;
};
// Whoever may send requests, or 401.
std::variant<Caller, ApiError> AuthenticateCaller(const http::Request& request,
                                                  const ledger::View& view, const AccountId& self);
// The developer itself, or 401: a sub-account may spend, but not look at all that its parent does.
std::variant<AccountId, ApiError> Authenticate(const http::Request& request,
                                               const ledger::View& view, const AccountId& self);

}  // namespace gonka::net
