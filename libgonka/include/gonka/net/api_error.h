#pragma once

// Errors as the OpenAI dialect shows them; every path of the node uses this one shape:
//   {"error": {"message": ..., "type": ..., "param": ..., "code": ...}}

#include <string>

#include "gonka/base/status.h"
#include "gonka/http/message.h"

namespace gonka::net {

struct ApiError {
  int status = 400;
  std::string type = "invalid_request_error";
  std::string code = {};
  std::string param = {};  // The field at fault, as a path: "messages[2].content". Empty: null.
  std::string message = {};
  int retry_after_s = 0;  // Above 0: sent as Retry-After.

  bool operator==(const ApiError&) const = default;
};

// {"error": {...}}
std::string ToJson(const ApiError& error);
http::Response ToResponse(const ApiError& error);

// What a transfer agent's refusal means to an API client.
ApiError FromTransferAgent(const absl::Status& status);

// For http::ServerOptions::refusal: what the HTTP server refuses by itself.
http::Response RefusalResponse(int status, const std::string& message);

}  // namespace gonka::net
