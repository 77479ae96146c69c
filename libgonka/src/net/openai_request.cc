#include "gonka/net/openai_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

namespace gonka::net {
namespace {

using nlohmann::json;
using Problem = std::optional<ApiError>;  // Nothing: all is well.

#define GONKA_RETURN_IF_PROBLEM(expression)                         \
  do {                                                              \
    if (Problem gonka_problem = (expression)) return gonka_problem; \
  } while (false)

// ---- Problems

constexpr size_t kShownMax = 64;  // Of a client's value in a message.

std::string Shown(const json& value) {
  std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() <= kShownMax) return text;
  return fmt::format("{} of {} bytes", value.type_name(), text.size());
}

ApiError InvalidValue(std::string param, std::string message) {
  return {.code = "invalid_value", .param = std::move(param), .message = std::move(message)};
}
ApiError WrongType(const std::string& param, const char* wanted, const json& value) {
  return {.code = "invalid_type",
          .param = param,
          .message = fmt::format("{} must be {}, is {}", param, wanted, Shown(value))};
}
ApiError Missing(const std::string& param) {
  return {.code = "missing_required_parameter",
          .param = param,
          .message = fmt::format("{} is required", param)};
}
ApiError Unknown(const std::string& param) {
  return {.code = "unknown_parameter",
          .param = param,
          .message = fmt::format("{} is no parameter of this API", param)};
}
ApiError Unsupported(const std::string& param, const json& value) {
  return {.code = "unsupported_parameter",
          .param = param,
          .message = fmt::format("{} is not supported here (given: {}); leave it out", param,
                                 Shown(value))};
}

// ---- From bytes to a JSON object

// Whether the text nests deeper than the limit. Counts brackets outside of strings, so it is right
// for valid JSON, and bounds the parser's work for any text.
bool TooDeep(std::string_view text) {
  size_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kJsonDepthMax) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

// Refuses a name that stands twice in one object: which of the two counts would be a guess.
class NamesOnce {
 public:
  bool operator()(int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) {
      open_.emplace_back();
    } else if (event == json::parse_event_t::object_end) {
      open_.pop_back();
    } else if (event == json::parse_event_t::key) {
      const auto& name = value.get_ref<const std::string&>();
      if (!open_.back().insert(name).second && twice_.empty()) twice_ = name;
    }
    return true;
  }
  const std::string& twice() const { return twice_; }

 private:
  std::vector<std::set<std::string>> open_;
  std::string twice_;
};

Problem ParseObject(std::string_view body, json& object) {
  const auto invalid = [](std::string message) {
    return ApiError{.code = "invalid_json", .message = std::move(message)};
  };
  if (TooDeep(body)) {
    return invalid(fmt::format("the body nests deeper than {} levels", kJsonDepthMax));
  }
  NamesOnce names;
  try {
    object = json::parse(body, [&](int depth, json::parse_event_t event, json& value) {
      return names(depth, event, value);
    });
  } catch (const json::exception& error) {
    std::string_view why = error.what();
    if (const size_t prefix = why.find("] "); prefix != why.npos) why.remove_prefix(prefix + 2);
    return invalid(fmt::format("the body is not valid JSON: {}", why.substr(0, 200)));
  }
  if (!names.twice().empty()) {
    return invalid(fmt::format("'{}' stands twice in one object", names.twice()));
  }
  if (!object.is_object()) return invalid("the body must be a JSON object");
  return {};
}

// ---- Values. path names the value in messages.

Problem ReadBool(const std::string& path, const json& value, bool& out) {
  if (!value.is_boolean()) return WrongType(path, "true or false", value);
  out = value.get<bool>();
  return {};
}

Problem ReadInt(const std::string& path, const json& value, int64_t least, int64_t most,
                int64_t& out) {
  if (!value.is_number_integer()) return WrongType(path, "an integer", value);
  const bool fits = !value.is_number_unsigned() || value.get<uint64_t>() <= INT64_MAX;
  if (fits) out = value.get<int64_t>();
  if (fits && out >= least && out <= most) return {};
  if (most == INT64_MAX && least > INT64_MIN) {
    return InvalidValue(path,
                        fmt::format("{} must be at least {}, is {}", path, least, Shown(value)));
  }
  return InvalidValue(
      path, fmt::format("{} must be from {} to {}, is {}", path, least, most, Shown(value)));
}

Problem ReadPpm(const std::string& path, const json& value, double least, double most,
                int32_t& out) {
  if (!value.is_number()) return WrongType(path, "a number", value);
  const double number = value.get<double>();
  if (!(number >= least && number <= most)) {
    return InvalidValue(
        path, fmt::format("{} must be from {} to {}, is {}", path, least, most, Shown(value)));
  }
  out = static_cast<int32_t>(std::llround(number * 1e6));
  return {};
}

// A ratio that must stay above zero after rounding.
Problem ReadPositivePpm(const std::string& path, const json& value, double most, uint32_t& out) {
  int32_t ppm = 0;
  GONKA_RETURN_IF_PROBLEM(ReadPpm(path, value, 0, most, ppm));
  if (ppm == 0) {
    return InvalidValue(path,
                        fmt::format("{} must be at least 0.000001, is {}", path, Shown(value)));
  }
  out = static_cast<uint32_t>(ppm);
  return {};
}

Problem ReadText(const std::string& path, const json& value, size_t bytes_max, std::string& out) {
  if (!value.is_string()) return WrongType(path, "a string", value);
  out = value.get<std::string>();
  if (out.size() <= bytes_max) return {};
  return InvalidValue(
      path, fmt::format("{} has {} bytes, at most {} are taken", path, out.size(), bytes_max));
}

// ---- Fields of a body

enum class Api { kChat, kCompletion };

// What the fields say, before they are held against one another.
struct Draft {
  Api api = Api::kChat;
  ApiRequest request;
  CanonicalRequest common;  // What all prompts share.
  std::optional<int64_t> max_tokens;
  std::optional<int64_t> max_completion_tokens;
  std::optional<int64_t> top_logprobs;
  bool stream_options = false;
};

Problem ReadModel(Draft& draft, const std::string& path, const json& value) {
  GONKA_RETURN_IF_PROBLEM(ReadText(path, value, 128, draft.request.model));
  if (draft.request.model.empty()) return InvalidValue(path, "model must not be empty");
  return {};
}

// -- Messages

bool AsksForNothing(const json& value) {
  return value.is_null() || value == false || (value.is_array() && value.empty()) ||
         (value.is_string() && value.get_ref<const std::string&>().empty());
}

Problem ReadPart(const std::string& path, const json& part, std::string& text) {
  if (!part.is_object()) return WrongType(path, "an object", part);
  const auto type = part.find("type");
  if (type == part.end()) return Missing(path + ".type");
  if (!type->is_string()) return WrongType(path + ".type", "a string", *type);
  if (*type != "text") return Unsupported(path + ".type", *type);
  for (const auto& [name, value] : part.items()) {
    if (name != "type" && name != "text") return Unknown(path + "." + name);
  }
  const auto found = part.find("text");
  if (found == part.end()) return Missing(path + ".text");
  std::string piece;
  GONKA_RETURN_IF_PROBLEM(
      ReadText(path + ".text", *found, decltype(ChatMessage::content)::kMax, piece));
  text += piece;
  return {};
}

Problem ReadContent(const std::string& path, const json& value, std::string& text) {
  constexpr size_t kMax = decltype(ChatMessage::content)::kMax;
  if (value.is_string()) return ReadText(path, value, kMax, text);
  if (!value.is_array()) return WrongType(path, "a string or a list of text parts", value);
  for (size_t i = 0; i < value.size(); ++i) {
    GONKA_RETURN_IF_PROBLEM(ReadPart(fmt::format("{}[{}]", path, i), value[i], text));
    if (text.size() > kMax) {
      return InvalidValue(path,
                          fmt::format("{} has more than the {} bytes that are taken", path, kMax));
    }
  }
  return {};
}

Problem ReadRole(const std::string& path, const json& value, std::string& role) {
  GONKA_RETURN_IF_PROBLEM(ReadText(path, value, kShownMax, role));
  static const std::set<std::string> kRoles = {"system", "user", "assistant", "tool"};
  // OpenAI's newer name for what templates know as system.
  if (role == "developer") role = "system";
  if (kRoles.contains(role)) return {};
  return InvalidValue(path, fmt::format("{} must be system, developer, user, assistant or tool, "
                                        "is '{}'",
                                        path, role));
}

Problem ReadMessage(const std::string& path, const json& value, ChatMessage& message) {
  if (!value.is_object()) return WrongType(path, "an object", value);
  static const std::set<std::string> kIgnored = {"name", "tool_call_id"};
  static const std::set<std::string> kEmptyOnly = {
      "tool_calls", "function_call", "refusal", "audio", "annotations", "reasoning_content"};
  const auto role = value.find("role");
  if (role == value.end()) return Missing(path + ".role");
  GONKA_RETURN_IF_PROBLEM(ReadRole(path + ".role", *role, message.role));
  const auto content = value.find("content");
  if (content == value.end()) return Missing(path + ".content");
  GONKA_RETURN_IF_PROBLEM(ReadContent(path + ".content", *content, message.content));
  for (const auto& [name, field] : value.items()) {
    if (name == "role" || name == "content") continue;
    const std::string field_path = path + "." + name;
    if (kIgnored.contains(name)) {
      std::string ignored;
      if (!field.is_null()) GONKA_RETURN_IF_PROBLEM(ReadText(field_path, field, 256, ignored));
    } else if (!kEmptyOnly.contains(name)) {
      return Unknown(field_path);
    } else if (!AsksForNothing(field)) {
      return Unsupported(field_path, field);
    }
  }
  return {};
}

Problem ReadMessages(Draft& draft, const std::string& path, const json& value) {
  if (!value.is_array()) return WrongType(path, "a list of messages", value);
  if (value.empty() || value.size() > kMessagesMax) {
    return InvalidValue(path, fmt::format("messages must hold 1 to {} messages, holds {}",
                                          kMessagesMax, value.size()));
  }
  CanonicalRequest request;
  request.kind = RequestKind::kChat;
  size_t bytes = 0;
  for (size_t i = 0; i < value.size(); ++i) {
    ChatMessage& message = request.messages.emplace_back();
    GONKA_RETURN_IF_PROBLEM(ReadMessage(fmt::format("messages[{}]", i), value[i], message));
    bytes += message.content.size();
  }
  if (bytes > kPromptBytesMax) {
    return InvalidValue(path, fmt::format("messages hold {} bytes of text, at most {} are taken",
                                          bytes, kPromptBytesMax));
  }
  draft.request.prompts.push_back(std::move(request));
  return {};
}

// -- Prompts

bool IsTokenList(const json& value) {
  return value.is_array() && !value.empty() && value[0].is_number();
}

Problem ReadTokenPrompt(const std::string& path, const json& value, CanonicalRequest& request) {
  constexpr size_t kMax = decltype(CanonicalRequest::prompt_tokens)::kMax;
  if (value.size() > kMax) {
    return InvalidValue(
        path, fmt::format("{} has {} tokens, at most {} are taken", path, value.size(), kMax));
  }
  for (size_t i = 0; i < value.size(); ++i) {
    int64_t id = 0;
    GONKA_RETURN_IF_PROBLEM(ReadInt(fmt::format("{}[{}]", path, i), value[i], 0, UINT32_MAX, id));
    request.prompt_tokens.push_back(static_cast<uint32_t>(id));
  }
  return {};
}

Problem ReadOnePrompt(Draft& draft, const std::string& path, const json& value) {
  CanonicalRequest request;
  request.kind = RequestKind::kCompletion;
  if (IsTokenList(value)) {
    GONKA_RETURN_IF_PROBLEM(ReadTokenPrompt(path, value, request));
  } else if (value.is_string()) {
    GONKA_RETURN_IF_PROBLEM(
        ReadText(path, value, decltype(CanonicalRequest::prompt)::kMax, request.prompt));
    if (request.prompt.empty()) {
      return InvalidValue(path, fmt::format("{} must not be empty", path));
    }
  } else {
    return WrongType(path, "a string, a list of token ids, or a list of either", value);
  }
  draft.request.prompts.push_back(std::move(request));
  return {};
}

Problem ReadPrompt(Draft& draft, const std::string& path, const json& value) {
  if (!value.is_array() || IsTokenList(value)) return ReadOnePrompt(draft, path, value);
  if (value.empty() || value.size() > kRequestsMax) {
    return InvalidValue(path, fmt::format("prompt must hold 1 to {} prompts, holds {}",
                                          kRequestsMax, value.size()));
  }
  for (size_t i = 0; i < value.size(); ++i) {
    GONKA_RETURN_IF_PROBLEM(ReadOnePrompt(draft, fmt::format("prompt[{}]", i), value[i]));
  }
  return {};
}

// -- Sampling

Problem ReadTopK(Draft& draft, const std::string& path, const json& value) {
  int64_t top_k = 0;
  GONKA_RETURN_IF_PROBLEM(ReadInt(path, value, -1, UINT32_MAX, top_k));
  draft.common.sampling.top_k = top_k < 0 ? 0 : static_cast<uint32_t>(top_k);
  return {};
}

Problem ReadTemperature(Draft& draft, const std::string& path, const json& value) {
  int32_t ppm = 0;
  GONKA_RETURN_IF_PROBLEM(ReadPpm(path, value, 0, 2, ppm));
  draft.common.sampling.temperature_ppm = static_cast<uint32_t>(ppm);
  return {};
}

Problem ReadTopP(Draft& draft, const std::string& path, const json& value) {
  return ReadPositivePpm(path, value, 1, draft.common.sampling.top_p_ppm);
}

Problem ReadMinP(Draft& draft, const std::string& path, const json& value) {
  int32_t ppm = 0;
  GONKA_RETURN_IF_PROBLEM(ReadPpm(path, value, 0, 1, ppm));
  draft.common.sampling.min_p_ppm = static_cast<uint32_t>(ppm);
  return {};
}

Problem ReadRepetition(Draft& draft, const std::string& path, const json& value) {
  int32_t ppm = 0;
  GONKA_RETURN_IF_PROBLEM(ReadPpm(path, value, 0.01, 10, ppm));
  draft.common.sampling.repetition_penalty_ppm = static_cast<uint32_t>(ppm);
  return {};
}

Problem ReadPresence(Draft& draft, const std::string& path, const json& value) {
  return ReadPpm(path, value, -2, 2, draft.common.sampling.presence_penalty_ppm);
}

Problem ReadFrequency(Draft& draft, const std::string& path, const json& value) {
  return ReadPpm(path, value, -2, 2, draft.common.sampling.frequency_penalty_ppm);
}

// "50256"; no sign, no leading zero, no blank.
std::optional<uint32_t> TokenIdOf(const std::string& text) {
  if (text.empty() || text.size() > 10 || (text.size() > 1 && text[0] == '0')) return {};
  uint64_t id = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return {};
    id = id * 10 + static_cast<uint64_t>(c - '0');
  }
  if (id > UINT32_MAX) return {};
  return static_cast<uint32_t>(id);
}

Problem ReadLogitBias(Draft& draft, const std::string& path, const json& value) {
  if (!value.is_object()) return WrongType(path, "an object from token ids to numbers", value);
  constexpr size_t kMax = decltype(Sampling::logit_bias)::kMax;
  if (value.size() > kMax) {
    return InvalidValue(
        path, fmt::format("logit_bias has {} entries, at most {} are taken", value.size(), kMax));
  }
  std::map<uint32_t, int32_t> biases;
  for (const auto& [name, bias] : value.items()) {
    const auto id = TokenIdOf(name);
    if (!id) {
      return InvalidValue(path, fmt::format("logit_bias names '{}', which is no token id",
                                            name.substr(0, kShownMax)));
    }
    GONKA_RETURN_IF_PROBLEM(
        ReadPpm(fmt::format("logit_bias.{}", *id), bias, -100, 100, biases[*id]));
  }
  for (const auto& [id, bias_ppm] : biases) {
    draft.common.sampling.logit_bias.push_back({.id = id, .bias_ppm = bias_ppm});
  }
  return {};
}

// -- Length, stop, seed, choices

Problem ReadMaxTokens(Draft& draft, const std::string& path, const json& value) {
  return ReadInt(path, value, 1, INT64_MAX, draft.max_tokens.emplace());
}
Problem ReadMaxCompletionTokens(Draft& draft, const std::string& path, const json& value) {
  return ReadInt(path, value, 1, INT64_MAX, draft.max_completion_tokens.emplace());
}

Problem ReadStopString(Draft& draft, const std::string& path, const json& value) {
  Text<256> stop;
  GONKA_RETURN_IF_PROBLEM(ReadText(path, value, Text<256>::kMax, stop));
  if (stop.empty()) return InvalidValue(path, fmt::format("{} must not be empty", path));
  draft.common.stop.push_back(std::move(stop));
  return {};
}

Problem ReadStop(Draft& draft, const std::string& path, const json& value) {
  if (value.is_string()) return ReadStopString(draft, path, value);
  if (!value.is_array()) return WrongType(path, "a string or a list of strings", value);
  constexpr size_t kMax = decltype(CanonicalRequest::stop)::kMax;
  if (value.size() > kMax) {
    return InvalidValue(
        path, fmt::format("stop has {} strings, at most {} are taken", value.size(), kMax));
  }
  for (size_t i = 0; i < value.size(); ++i) {
    GONKA_RETURN_IF_PROBLEM(ReadStopString(draft, fmt::format("stop[{}]", i), value[i]));
  }
  return {};
}

// A negative seed is its two's complement: every seed stays another one.
Problem ReadSeed(Draft& draft, const std::string& path, const json& value) {
  int64_t seed = 0;
  GONKA_RETURN_IF_PROBLEM(ReadInt(path, value, INT64_MIN, INT64_MAX, seed));
  draft.common.seed = static_cast<uint64_t>(seed);
  return {};
}

Problem ReadN(Draft& draft, const std::string& path, const json& value) {
  int64_t n = 0;
  GONKA_RETURN_IF_PROBLEM(ReadInt(path, value, 1, kChoicesMax, n));
  draft.request.n = static_cast<uint8_t>(n);
  return {};
}

// -- The shape of the answer

Problem ReadStream(Draft& draft, const std::string& path, const json& value) {
  return ReadBool(path, value, draft.request.stream);
}

Problem ReadStreamOptions(Draft& draft, const std::string& path, const json& value) {
  if (!value.is_object()) return WrongType(path, "an object", value);
  draft.stream_options = true;
  for (const auto& [name, option] : value.items()) {
    const std::string option_path = path + "." + name;
    bool ignored = false;
    if (name == "include_usage") {
      GONKA_RETURN_IF_PROBLEM(ReadBool(option_path, option, draft.request.include_usage));
    } else if (name == "include_obfuscation") {  // Padding against onlookers; frames are sealed.
      GONKA_RETURN_IF_PROBLEM(ReadBool(option_path, option, ignored));
    } else {
      return Unknown(option_path);
    }
  }
  return {};
}

Problem ReadLogprobs(Draft& draft, const std::string& path, const json& value) {
  if (draft.api == Api::kChat) return ReadBool(path, value, draft.request.logprobs);
  draft.request.logprobs = true;
  return ReadInt(path, value, 0, kTopLogprobsMax, draft.top_logprobs.emplace());
}

Problem ReadTopLogprobs(Draft& draft, const std::string& path, const json& value) {
  return ReadInt(path, value, 0, kTopLogprobsMax, draft.top_logprobs.emplace());
}

Problem ReadEcho(Draft& draft, const std::string& path, const json& value) {
  return ReadBool(path, value, draft.request.echo);
}

// -- What is ignored, and what may only ask for nothing

Problem Ignore(Draft&, const std::string&, const json&) {
  return {};
}
Problem IgnoreBool(Draft&, const std::string& path, const json& value) {
  bool ignored = false;
  return ReadBool(path, value, ignored);
}
Problem IgnoreText(Draft&, const std::string& path, const json& value) {
  std::string ignored;
  return ReadText(path, value, 4'096, ignored);
}
Problem NothingOnly(Draft&, const std::string& path, const json& value) {
  if (AsksForNothing(value)) return {};
  return Unsupported(path, value);
}
Problem ZeroOnly(Draft&, const std::string& path, const json& value) {
  if (value == 0) return {};
  return Unsupported(path, value);
}
Problem OneOnly(Draft&, const std::string& path, const json& value) {
  if (value == 1) return {};
  return Unsupported(path, value);
}
Problem ServiceTier(Draft&, const std::string& path, const json& value) {
  if (value == "auto" || value == "default") return {};
  return Unsupported(path, value);
}
Problem NoToolChoice(Draft&, const std::string& path, const json& value) {
  if (value == "none" || value == "auto") return {};
  return Unsupported(path, value);
}
Problem TextFormat(Draft&, const std::string& path, const json& value) {
  if (value == json{{"type", "text"}}) return {};
  return Unsupported(path, value);
}
Problem TextModality(Draft&, const std::string& path, const json& value) {
  if (value == json::array({"text"})) return {};
  return Unsupported(path, value);
}

using FieldReader = Problem (*)(Draft&, const std::string& path, const json&);
using Fields = std::map<std::string, FieldReader>;

Fields CommonFields() {
  return {{"model", ReadModel},
          {"max_tokens", ReadMaxTokens},
          {"temperature", ReadTemperature},
          {"top_p", ReadTopP},
          {"top_k", ReadTopK},
          {"min_p", ReadMinP},
          {"repetition_penalty", ReadRepetition},
          {"presence_penalty", ReadPresence},
          {"frequency_penalty", ReadFrequency},
          {"logit_bias", ReadLogitBias},
          {"stop", ReadStop},
          {"seed", ReadSeed},
          {"n", ReadN},
          {"stream", ReadStream},
          {"stream_options", ReadStreamOptions},
          {"logprobs", ReadLogprobs},
          {"user", IgnoreText},
          {"metadata", Ignore},
          {"store", IgnoreBool},
          {"safety_identifier", IgnoreText},
          {"prompt_cache_key", IgnoreText},
          {"service_tier", ServiceTier},
          {"min_tokens", ZeroOnly},
          {"ignore_eos", NothingOnly},
          {"stop_token_ids", NothingOnly},
          {"best_of", OneOnly}};
}

const Fields& FieldsOf(Api api) {
  static const Fields kChat = [] {
    Fields fields = CommonFields();
    fields.merge(Fields{{"messages", ReadMessages},
                        {"max_completion_tokens", ReadMaxCompletionTokens},
                        {"top_logprobs", ReadTopLogprobs},
                        {"parallel_tool_calls", IgnoreBool},
                        {"tools", NothingOnly},
                        {"tool_choice", NoToolChoice},
                        {"functions", NothingOnly},
                        {"function_call", NoToolChoice},
                        {"response_format", TextFormat},
                        {"modalities", TextModality},
                        {"audio", NothingOnly},
                        {"prediction", NothingOnly},
                        {"reasoning_effort", NothingOnly},
                        {"verbosity", NothingOnly},
                        {"web_search_options", NothingOnly}});
    return fields;
  }();
  static const Fields kCompletion = [] {
    Fields fields = CommonFields();
    fields.merge(Fields{{"prompt", ReadPrompt}, {"echo", ReadEcho}, {"suffix", NothingOnly}});
    return fields;
  }();
  return api == Api::kChat ? kChat : kCompletion;
}

// ---- The fields held against one another

Problem SettleLength(Draft& draft) {
  const auto& tokens = draft.max_tokens;
  const auto& completion = draft.max_completion_tokens;
  if (tokens && completion && *tokens != *completion) {
    return InvalidValue("max_completion_tokens",
                        fmt::format("max_tokens is {} and max_completion_tokens is {}; give one",
                                    *tokens, *completion));
  }
  const int64_t length = tokens ? *tokens : completion.value_or(0);
  // No context is that long; it is refused where the context is known.
  draft.common.tokens_max = static_cast<uint32_t>(std::min<int64_t>(length, UINT32_MAX));
  return {};
}

Problem SettleLogprobs(Draft& draft) {
  ApiRequest& request = draft.request;
  if (draft.top_logprobs && !request.logprobs) {
    return InvalidValue("top_logprobs", "top_logprobs needs logprobs to be true");
  }
  request.top_logprobs = static_cast<uint8_t>(draft.top_logprobs.value_or(0));
  if (request.echo && request.logprobs) {
    return ApiError{.code = "unsupported_parameter",
                    .param = "echo",
                    .message = "echo together with logprobs is not supported here"};
  }
  return {};
}

Problem Settle(Draft& draft) {
  ApiRequest& request = draft.request;
  if (request.model.empty()) return Missing("model");
  if (request.prompts.empty()) return Missing(draft.api == Api::kChat ? "messages" : "prompt");
  if (request.prompts.size() * request.n > kRequestsMax) {
    return InvalidValue("n", fmt::format("{} prompts with n {} are {} requests, at most {} are "
                                         "taken at once",
                                         request.prompts.size(), request.n,
                                         request.prompts.size() * request.n, kRequestsMax));
  }
  size_t prompt_bytes = 0;
  for (const CanonicalRequest& prompt : request.prompts) prompt_bytes += prompt.prompt.size();
  if (prompt_bytes > kPromptBytesMax) {
    return InvalidValue("prompt", fmt::format("the prompts hold {} bytes, at most {} are taken",
                                              prompt_bytes, kPromptBytesMax));
  }
  if (draft.stream_options && !request.stream) {
    return InvalidValue("stream_options", "stream_options needs stream to be true");
  }
  GONKA_RETURN_IF_PROBLEM(SettleLength(draft));
  GONKA_RETURN_IF_PROBLEM(SettleLogprobs(draft));
  for (CanonicalRequest& prompt : request.prompts) {
    prompt.sampling = draft.common.sampling;
    prompt.tokens_max = draft.common.tokens_max;
    prompt.stop = draft.common.stop;
    prompt.seed = draft.common.seed;
  }
  return {};
}

Problem Read(std::string_view body, Draft& draft) {
  json object;
  GONKA_RETURN_IF_PROBLEM(ParseObject(body, object));
  const Fields& fields = FieldsOf(draft.api);
  for (const auto& [name, value] : object.items()) {
    const auto field = fields.find(name);
    if (field == fields.end()) return Unknown(name.substr(0, kShownMax));
    if (value.is_null()) continue;
    GONKA_RETURN_IF_PROBLEM(field->second(draft, name, value));
  }
  return Settle(draft);
}

std::variant<ApiRequest, ApiError> Parse(Api api, std::string_view body) {
  Draft draft;
  draft.api = api;
  if (Problem problem = Read(body, draft)) return *std::move(problem);
  return std::move(draft.request);
}

}  // namespace

std::variant<ApiRequest, ApiError> ParseChatRequest(std::string_view body) {
  return Parse(Api::kChat, body);
}

std::variant<ApiRequest, ApiError> ParseCompletionRequest(std::string_view body) {
  return Parse(Api::kCompletion, body);
}

}  // namespace gonka::net
