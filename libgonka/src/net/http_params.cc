#include "net/http_params.h"

#include <fmt/format.h>

#include <charconv>

namespace gonka::net {

std::optional<uint64_t> ParseNumber(const std::string& text) {
  uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stopped != end) return std::nullopt;
  return value;
}

absl::StatusOr<std::optional<uint64_t>> NumberQuery(const http::Request& request,
                                                    const std::string& name) {
  const std::string* text = request.Query(name);
  if (text == nullptr) return std::optional<uint64_t>();
  const auto value = ParseNumber(*text);
  if (!value) {
    return absl::InvalidArgumentError(
        fmt::format("{} must be a number, is '{}'", name, text->substr(0, 32)));
  }
  return value;
}

absl::StatusOr<uint64_t> RequiredNumberQuery(const http::Request& request,
                                             const std::string& name) {
  GONKA_ASSIGN_OR_RETURN(const auto value, NumberQuery(request, name));
  if (!value) return absl::InvalidArgumentError(fmt::format("{} is required", name));
  return *value;
}

absl::StatusOr<Hash> ParseId(const std::string& what, const std::string& text) {
  const auto id = FixedFromHex<Hash::kSize>(text);
  if (id) return *id;
  return absl::InvalidArgumentError(
      fmt::format("{} must be 64 lower-case hex digits, is '{}'", what, text.substr(0, 80)));
}

}  // namespace gonka::net
