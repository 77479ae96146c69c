#include "gonka/net/openai_request.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <string>

#include "gonka/base/json.h"

namespace gonka::net {
namespace {

constexpr const char* kHello = R"("messages":[{"role":"user","content":"hello"}])";

std::string Chat(const std::string& fields) {
  return fmt::format(R"({{"model":"m",{}{}{}}})", kHello, fields.empty() ? "" : ",", fields);
}
std::string Completion(const std::string& fields) {
  return fmt::format(R"({{"model":"m",{}}})", fields);
}

ApiRequest Accepted(const std::variant<ApiRequest, ApiError>& parsed) {
  if (const auto* error = std::get_if<ApiError>(&parsed)) FAIL(error->message);
  return std::get<ApiRequest>(parsed);
}
CanonicalRequest One(const std::variant<ApiRequest, ApiError>& parsed) {
  const ApiRequest request = Accepted(parsed);
  REQUIRE(request.prompts.size() == 1);
  return request.prompts[0];
}

TEST_CASE("a plain chat request becomes a canonical request with the defaults of the dialect") {
  const ApiRequest request = Accepted(ParseChatRequest(Chat("")));
  CHECK(request.model == "m");
  CHECK(request.n == 1);
  CHECK_FALSE(request.stream);
  REQUIRE(request.prompts.size() == 1);
  const CanonicalRequest& canonical = request.prompts[0];
  CHECK(canonical.kind == RequestKind::kChat);
  REQUIRE(canonical.messages.size() == 1);
  CHECK(canonical.messages[0] == ChatMessage{.role = {"user"}, .content = {"hello"}});
  CHECK(canonical.sampling == Sampling{});
  CHECK(canonical.tokens_max == 0);  // The node chooses.
  CHECK_FALSE(canonical.seed.has_value());
  CHECK(canonical.stop.empty());
}

TEST_CASE("roles, text parts and the leftovers of other clients are understood") {
  const CanonicalRequest request = One(ParseChatRequest(R"({"model":"m","messages":[
    {"role":"developer","content":"be brief"},
    {"role":"user","name":"ann","content":[{"type":"text","text":"Grüß "},{"type":"text","text":"Gott"}]},
    {"role":"assistant","content":"ok","refusal":null,"tool_calls":[],"audio":null,"function_call":null,"annotations":[]},
    {"role":"tool","tool_call_id":"t1","content":[]}]})"));
  REQUIRE(request.messages.size() == 4);
  CHECK(request.messages[0].role == "system");
  CHECK(request.messages[1].content == "Grüß Gott");
  CHECK(request.messages[2].content == "ok");
  CHECK(request.messages[3].role == "tool");
  CHECK(request.messages[3].content.empty());
}

TEST_CASE("ratios become millionths, rounded to the nearest") {
  const Sampling sampling =
      One(ParseChatRequest(Chat(
              R"("temperature":0.7,"top_p":0.9999999,"min_p":0.05,"top_k":-1,"presence_penalty":-2,
         "frequency_penalty":1.25,"repetition_penalty":1.1,"logit_bias":{"50256":-100,"7":0.0000015})")))
          .sampling;
  CHECK(sampling.temperature_ppm == 700'000);
  CHECK(sampling.top_p_ppm == 1'000'000);
  CHECK(sampling.min_p_ppm == 50'000);
  CHECK(sampling.top_k == 0);
  CHECK(sampling.presence_penalty_ppm == -2'000'000);
  CHECK(sampling.frequency_penalty_ppm == 1'250'000);
  CHECK(sampling.repetition_penalty_ppm == 1'100'000);
  REQUIRE(sampling.logit_bias.size() == 2);
  CHECK(sampling.logit_bias[0] == TokenBias{.id = 7, .bias_ppm = 2});
  CHECK(sampling.logit_bias[1] == TokenBias{.id = 50256, .bias_ppm = -100'000'000});
  CHECK(One(ParseChatRequest(Chat(R"("temperature":0.0000004)"))).sampling.temperature_ppm == 0);
}

TEST_CASE("lengths, stops, seeds and the shape of the answer") {
  const ApiRequest request = Accepted(ParseChatRequest(Chat(
      R"("max_tokens":16,"max_completion_tokens":16,"stop":["a","bc"],"seed":-1,"n":3,"stream":true,
         "stream_options":{"include_usage":true},"logprobs":true,"top_logprobs":5)")));
  CHECK(request.prompts[0].tokens_max == 16);
  CHECK(request.prompts[0].stop == List<Text<256>, 16>{Text<256>("a"), Text<256>("bc")});
  CHECK(request.prompts[0].seed == UINT64_MAX);
  CHECK(request.n == 3);
  CHECK(request.stream);
  CHECK(request.include_usage);
  CHECK(request.logprobs);
  CHECK(request.top_logprobs == 5);
  CHECK(One(ParseChatRequest(Chat(R"("stop":"x")"))).stop.size() == 1);
  CHECK(One(ParseChatRequest(Chat(R"("seed":9223372036854775807)"))).seed == INT64_MAX);
}

TEST_CASE("a prompt is text, token ids, or several of either") {
  CHECK(One(ParseCompletionRequest(Completion(R"("prompt":"once")"))).prompt == "once");
  CHECK(One(ParseCompletionRequest(Completion(R"("prompt":[1,2,3])"))).prompt_tokens.size() == 3);
  const ApiRequest several = Accepted(ParseCompletionRequest(
      Completion(R"("prompt":["a",[4,5]],"n":2,"echo":true,"max_tokens":3)")));
  REQUIRE(several.prompts.size() == 2);
  CHECK(several.prompts[0].kind == RequestKind::kCompletion);
  CHECK(several.prompts[0].prompt == "a");
  CHECK(several.prompts[1].prompt_tokens == List<uint32_t, 131'072>{4, 5});
  CHECK(several.prompts[1].tokens_max == 3);
  CHECK(several.echo);
  const ApiRequest logprobs =
      Accepted(ParseCompletionRequest(Completion(R"("prompt":"a","logprobs":0)")));
  CHECK(logprobs.logprobs);
  CHECK(logprobs.top_logprobs == 0);
}

TEST_CASE("what asks for nothing is ignored, and null is absent") {
  Accepted(ParseChatRequest(Chat(
      R"("user":"u","metadata":{"a":"b"},"store":true,"service_tier":"auto","tools":[],"tool_choice":"none",
         "response_format":{"type":"text"},"modalities":["text"],"parallel_tool_calls":false,
         "temperature":null,"n":null,"stop":null,"stream":null,"functions":null,"stop_token_ids":[],"ignore_eos":false)")));
}

// What is refused, with which code, at which parameter, and what the message must say.
struct Refusal {
  const char* fields;
  const char* code;
  const char* param;
  const char* says;
};

TEST_CASE("every wrong field of a chat request is refused by name") {
  static constexpr Refusal kTable[] = {
      {R"("temperature":"hot")", "invalid_type", "temperature", "is \"hot\""},
      {R"("temperature":2.1)", "invalid_value", "temperature", "from 0 to 2, is 2.1"},
      {R"("temperature":-0.1)", "invalid_value", "temperature", "-0.1"},
      {R"("temperature":1e999)", "invalid_json", "", "not valid JSON"},
      {R"("top_p":0)", "invalid_value", "top_p", "at least 0.000001"},
      {R"("top_p":0.0000001)", "invalid_value", "top_p", "at least 0.000001"},
      {R"("top_p":1.5)", "invalid_value", "top_p", "1.5"},
      {R"("top_k":-2)", "invalid_value", "top_k", "-2"},
      {R"("top_k":1.5)", "invalid_type", "top_k", "an integer"},
      {R"("min_p":2)", "invalid_value", "min_p", "2"},
      {R"("repetition_penalty":0)", "invalid_value", "repetition_penalty", "0.01"},
      {R"("presence_penalty":3)", "invalid_value", "presence_penalty", "3"},
      {R"("max_tokens":0)", "invalid_value", "max_tokens", "at least 1, is 0"},
      {R"("max_tokens":-5)", "invalid_value", "max_tokens", "-5"},
      {R"("max_tokens":10.5)", "invalid_type", "max_tokens", "10.5"},
      {R"("max_tokens":true)", "invalid_type", "max_tokens", "true"},
      {R"("max_tokens":1,"max_completion_tokens":2)", "invalid_value", "max_completion_tokens",
       "give one"},
      {R"("n":6)", "invalid_value", "n", "from 1 to 5, is 6"},
      {R"("n":18446744073709551615)", "invalid_value", "n", "18446744073709551615"},
      {R"("seed":18446744073709551615)", "invalid_value", "seed", "18446744073709551615"},
      {R"("stop":["a",""])", "invalid_value", "stop[1]", "empty"},
      {R"("stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"])",
       "invalid_value", "stop", "17 strings"},
      {R"("stop":[1])", "invalid_type", "stop[0]", "a string"},
      {R"("logit_bias":{"x":1})", "invalid_value", "logit_bias", "'x'"},
      {R"("logit_bias":{"05":1})", "invalid_value", "logit_bias", "'05'"},
      {R"("logit_bias":{"4294967296":1})", "invalid_value", "logit_bias", "4294967296"},
      {R"("logit_bias":{"5":101})", "invalid_value", "logit_bias.5", "101"},
      {R"("logit_bias":[])", "invalid_type", "logit_bias", "an object"},
      {R"("logprobs":5)", "invalid_type", "logprobs", "true or false"},
      {R"("top_logprobs":5)", "invalid_value", "top_logprobs", "needs logprobs"},
      {R"("logprobs":true,"top_logprobs":21)", "invalid_value", "top_logprobs", "21"},
      {R"("stream":"yes")", "invalid_type", "stream", "\"yes\""},
      {R"("stream_options":{"include_usage":true})", "invalid_value", "stream_options", "stream"},
      {R"("stream":true,"stream_options":{"x":1})", "unknown_parameter", "stream_options.x", "x"},
      {R"("tools":[{"type":"function"}])", "unsupported_parameter", "tools", "not supported"},
      {R"("tool_choice":"required")", "unsupported_parameter", "tool_choice", "required"},
      {R"("response_format":{"type":"json_object"})", "unsupported_parameter", "response_format",
       "json_object"},
      {R"("modalities":["text","audio"])", "unsupported_parameter", "modalities", "audio"},
      {R"("reasoning_effort":"high")", "unsupported_parameter", "reasoning_effort", "high"},
      {R"("service_tier":"flex")", "unsupported_parameter", "service_tier", "flex"},
      {R"("min_tokens":5)", "unsupported_parameter", "min_tokens", "5"},
      {R"("best_of":3)", "unsupported_parameter", "best_of", "3"},
      {R"("guided_json":{})", "unknown_parameter", "guided_json", "guided_json"},
      {R"("chat_template":"x")", "unknown_parameter", "chat_template", "chat_template"},
      {R"("prompt":"x")", "unknown_parameter", "prompt", "prompt"},
      {R"("echo":true)", "unknown_parameter", "echo", "echo"},
      {R"("model":"again")", "invalid_json", "", "'model' stands twice"},
      {R"("metadata":{"a":1,"a":2})", "invalid_json", "", "'a' stands twice"},
  };
  for (const Refusal& row : kTable) {
    CAPTURE(row.fields);
    const auto parsed = ParseChatRequest(Chat(row.fields));
    REQUIRE(std::holds_alternative<ApiError>(parsed));
    const auto& error = std::get<ApiError>(parsed);
    CHECK(error.status == 400);
    CHECK(error.code == row.code);
    CHECK(error.param == row.param);
    CHECK_MESSAGE(error.message.find(row.says) != std::string::npos, error.message);
  }
}

TEST_CASE("every wrong message is refused at its place") {
  static constexpr Refusal kTable[] = {
      {R"("messages":[])", "invalid_value", "messages", "1 to 2048"},
      {R"("messages":"hi")", "invalid_type", "messages", "a list"},
      {R"("messages":[1])", "invalid_type", "messages[0]", "an object"},
      {R"("messages":[{"content":"x"}])", "missing_required_parameter", "messages[0].role", "role"},
      {R"("messages":[{"role":"user"}])", "missing_required_parameter", "messages[0].content",
       "required"},
      {R"("messages":[{"role":"user","content":null}])", "invalid_type", "messages[0].content",
       "null"},
      {R"("messages":[{"role":"king","content":"x"}])", "invalid_value", "messages[0].role",
       "'king'"},
      {R"("messages":[{"role":"user","content":[{"type":"image_url"}]}])", "unsupported_parameter",
       "messages[0].content[0].type", "image_url"},
      {R"("messages":[{"role":"user","content":[{"type":"text"}]}])", "missing_required_parameter",
       "messages[0].content[0].text", "required"},
      {R"("messages":[{"role":"user","content":["x"]}])", "invalid_type", "messages[0].content[0]",
       "an object"},
      {R"("messages":[{"role":"user","content":"x","weight":1}])", "unknown_parameter",
       "messages[0].weight", "weight"},
      {R"("messages":[{"role":"assistant","content":"x","tool_calls":[{}]}])",
       "unsupported_parameter", "messages[0].tool_calls", "not supported"},
  };
  for (const Refusal& row : kTable) {
    CAPTURE(row.fields);
    const auto parsed = ParseChatRequest(Completion(row.fields));
    REQUIRE(std::holds_alternative<ApiError>(parsed));
    const auto& error = std::get<ApiError>(parsed);
    CHECK(error.code == row.code);
    CHECK(error.param == row.param);
    CHECK_MESSAGE(error.message.find(row.says) != std::string::npos, error.message);
  }
}

TEST_CASE("every wrong completion request is refused by name") {
  static constexpr Refusal kTable[] = {
      {R"("max_tokens":1)", "missing_required_parameter", "prompt", "required"},
      {R"("prompt":"")", "invalid_value", "prompt", "empty"},
      {R"("prompt":[])", "invalid_value", "prompt", "1 to 16"},
      {R"("prompt":[1,"x"])", "invalid_type", "prompt[1]", "integer"},
      {R"("prompt":[-1])", "invalid_value", "prompt[0]", "-1"},
      {R"("prompt":[4294967296])", "invalid_value", "prompt[0]", "4294967296"},
      {R"("prompt":["a",{}])", "invalid_type", "prompt[1]", "{}"},
      {R"("prompt":["1","2","3","4"],"n":5)", "invalid_value", "n", "20 requests"},
      {R"("prompt":"a","echo":true,"logprobs":1)", "unsupported_parameter", "echo", "logprobs"},
      {R"("prompt":"a","suffix":"b")", "unsupported_parameter", "suffix", "suffix"},
      {R"("prompt":"a","logprobs":true)", "invalid_type", "logprobs", "an integer"},
      {R"("prompt":"a","messages":[])", "unknown_parameter", "messages", "messages"},
      {R"("prompt":"a","max_completion_tokens":1)", "unknown_parameter", "max_completion_tokens",
       "max_completion_tokens"},
  };
  for (const Refusal& row : kTable) {
    CAPTURE(row.fields);
    const auto parsed = ParseCompletionRequest(Completion(row.fields));
    REQUIRE(std::holds_alternative<ApiError>(parsed));
    const auto& error = std::get<ApiError>(parsed);
    CHECK(error.code == row.code);
    CHECK(error.param == row.param);
    CHECK_MESSAGE(error.message.find(row.says) != std::string::npos, error.message);
  }
}

TEST_CASE("what is no JSON object is refused, however it is broken") {
  const std::string bodies[] = {
      "",
      "{",
      "[]",
      "null",
      "\"x\"",
      "{\"model\":\"m\"",
      "{\"model\":\"\xFF\"}",
      "{\"model\":\"\\ud800\"}",
      std::string("{\0}", 3),
      "{} trailing",
      std::string(100'000, '['),
      std::string(33, '[') + std::string(33, ']'),
      "{\"a\":" + std::string(5'000'000, '{'),
  };
  for (const std::string& body : bodies) {
    CAPTURE(body.substr(0, 32));
    const auto parsed = ParseChatRequest(body);
    REQUIRE(std::holds_alternative<ApiError>(parsed));
    CHECK(std::get<ApiError>(parsed).code == "invalid_json");
  }
}

TEST_CASE("brackets inside strings are no depth") {
  const std::string text(200, '[');
  CHECK(One(ParseCompletionRequest(Completion(fmt::format(R"("prompt":"\"{}\\")", text)))).prompt ==
        "\"" + text + "\\");
}

TEST_CASE("limits are exact") {
  const auto messages = [](size_t count) {
    std::string list;
    for (size_t i = 0; i < count; ++i) list += R"({"role":"user","content":""},)";
    list.pop_back();
    return Completion("\"messages\":[" + list + "]");
  };
  CHECK(One(ParseChatRequest(messages(2'048))).messages.size() == 2'048);
  CHECK(std::holds_alternative<ApiError>(ParseChatRequest(messages(2'049))));

  const auto content = [](size_t bytes) {
    return Completion(
        fmt::format(R"("messages":[{{"role":"user","content":"{}"}}])", std::string(bytes, 'x')));
  };
  CHECK(One(ParseChatRequest(content(262'144))).messages[0].content.size() == 262'144);
  const auto refused = ParseChatRequest(content(262'145));
  REQUIRE(std::holds_alternative<ApiError>(refused));
  CHECK(std::get<ApiError>(refused).param == "messages[0].content");

  const auto bias = [](size_t count) {
    std::string map;
    for (size_t i = 0; i < count; ++i) map += fmt::format("\"{}\":1,", i);
    map.pop_back();
    return Chat("\"logit_bias\":{" + map + "}");
  };
  CHECK(One(ParseChatRequest(bias(1'024))).sampling.logit_bias.size() == 1'024);
  CHECK(std::holds_alternative<ApiError>(ParseChatRequest(bias(1'025))));
}

TEST_CASE("an error reads as OpenAI's clients expect") {
  const ApiError error{.status = 400, .code = "invalid_value", .param = "n", .message = "n \"x\""};
  CHECK(
      ToJson(error) ==
      R"({"error":{"message":"n \"x\"","type":"invalid_request_error","param":"n","code":"invalid_value"}})");
  CHECK(ToJson(ApiError{.code = "c", .message = "m"}) ==
        R"({"error":{"message":"m","type":"invalid_request_error","param":null,"code":"c"}})");
}

}  // namespace
}  // namespace gonka::net
