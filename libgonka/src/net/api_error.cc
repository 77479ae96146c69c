#include "gonka/net/api_error.h"

#include <fmt/format.h>

#include "gonka/base/json.h"

namespace gonka::net {
namespace {

std::string TextOrNull(const std::string& text) {
  return text.empty() ? "null" : JsonQuote(text);
}

}  // namespace

std::string ToJson(const ApiError& error) {
  return fmt::format(R"({{"error":{{"message":{},"type":{},"param":{},"code":{}}}}})",
                     JsonQuote(error.message), JsonQuote(error.type), TextOrNull(error.param),
                     TextOrNull(error.code));
}

http::Response ToResponse(const ApiError& error) {
  http::Response response{.status = error.status, .body = ToJson(error) + "\n"};
  if (error.retry_after_s > 0) {
    response.headers.Add("Retry-After", std::to_string(error.retry_after_s));
  }
  if (error.status == 401) response.headers.Add("WWW-Authenticate", "Bearer");
  return response;
}

ApiError FromTransferAgent(const absl::Status& status) {
  const std::string message = gonka::Message(status);
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return {.status = 400, .code = "invalid_value", .message = message};
    case absl::StatusCode::kNotFound:
      return {.status = 404, .code = "model_not_found", .param = "model", .message = message};
    case absl::StatusCode::kPermissionDenied:
      return {.status = 402,
              .type = "insufficient_quota",
              .code = "insufficient_quota",
              .message = message};
    case absl::StatusCode::kFailedPrecondition:
      // The transfer agent's words tell an empty allowance from one that is not ready yet.
      if (message.find("insufficient") != std::string::npos) {
        return {.status = 402,
                .type = "insufficient_quota",
                .code = "insufficient_quota",
                .message = message};
      }
      return {.status = 503,
              .type = "server_error",
              .code = "allowance_not_ready",
              .message = message,
              .retry_after_s = 1};
    case absl::StatusCode::kResourceExhausted:
      return {.status = 429,
              .type = "rate_limit_error",
              .code = "rate_limit_exceeded",
              .message = message,
              .retry_after_s = 1};
    case absl::StatusCode::kDataLoss:
      return {.status = 502, .type = "server_error", .code = "bad_answer", .message = message};
    default:
      return {.status = 503,
              .type = "server_error",
              .code = "no_executor",
              .message = message,
              .retry_after_s = 1};
  }
}

http::Response RefusalResponse(int status, const std::string& message) {
  return ToResponse({.status = status,
                     .type = status >= 500 ? "server_error" : "invalid_request_error",
                     .code = fmt::format("http_{}", status),
                     .message = message,
                     .retry_after_s = status == 503 ? 1 : 0});
}

}  // namespace gonka::net
