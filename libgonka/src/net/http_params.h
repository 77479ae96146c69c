#pragma once

// Numbers and ids in paths and queries.

#include <optional>
#include <string>

#include "gonka/base/bytes.h"
#include "gonka/base/status.h"
#include "gonka/http/message.h"

namespace gonka::net {

// Decimal digits only.
std::optional<uint64_t> ParseNumber(const std::string& text);
// InvalidArgument names the parameter and what was given; nullopt where it is absent.
absl::StatusOr<std::optional<uint64_t>> NumberQuery(const http::Request& request,
                                                    const std::string& name);
absl::StatusOr<uint64_t> RequiredNumberQuery(const http::Request& request, const std::string& name);
// 64 hex digits.
absl::StatusOr<Hash> ParseId(const std::string& what, const std::string& text);

}  // namespace gonka::net
