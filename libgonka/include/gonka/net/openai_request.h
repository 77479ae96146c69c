#pragma once

// From the JSON body of /v1/chat/completions and /v1/completions to canonical requests and what
// else the API call asks for. doc/http_api.md has the rule for every field.
//
// Strict: every field is known, of its type and in its range, or it is refused by name; nothing is
// changed silently. Ratios become parts per million: the double times 10^6, rounded to the nearest
// integer, halves away from zero. (So a temperature below 0.0000005 is 0, which is greedy.)

#include <string_view>
#include <variant>
#include <vector>

#include "gonka/net/api_error.h"
#include "gonka/protocol/request.h"

namespace gonka::net {

inline constexpr size_t kJsonDepthMax = 32;
inline constexpr size_t kMessagesMax = 2'048;
inline constexpr size_t kPromptBytesMax = 4 << 20;  // Text of all messages, or of all prompts.
inline constexpr uint32_t kChoicesMax = 5;          // n
inline constexpr size_t kRequestsMax = 16;          // prompts x n
inline constexpr uint8_t kTopLogprobsMax = 20;

struct ApiRequest {
  std::string model;
  // One for each prompt; chat has one. choice and render_time are 0, and tokens_max is 0 where the
  // client leaves it to the node.
  std::vector<CanonicalRequest> prompts;
  uint8_t n = 1;
  bool stream = false;
  bool include_usage = false;
  bool echo = false;
  bool logprobs = false;
  uint8_t top_logprobs = 0;

  bool operator==(const ApiRequest&) const = default;
};

// For any bytes whatsoever. No limits of a model are known here: the context and the vocabulary are
// for the caller to compare with.
std::variant<ApiRequest, ApiError> ParseChatRequest(std::string_view body);
std::variant<ApiRequest, ApiError> ParseCompletionRequest(std::string_view body);

}  // namespace gonka::net
