#pragma once

// Who is calling: an API key in the Authorization header, whose digest a developer has put into its
// Allow to this node.

#include <optional>
#include <string>
#include <variant>

#include "gonka/http/message.h"
#include "gonka/ledger/queries.h"
#include "gonka/net/api_error.h"

namespace gonka::net {

// The text after "Bearer "; nothing where the header is absent or of another scheme.
std::optional<std::string> BearerKey(const http::Request& request);

// The developer, or 401.
std::variant<AccountId, ApiError> Authenticate(const http::Request& request,
                                               const ledger::View& view, const AccountId& self);

}  // namespace gonka::net
