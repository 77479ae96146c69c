// The OpenAI dialect in front of a real, small network.

#include <doctest/doctest.h>

#include "gonka/net/answer_text.h"
#include "small_network.h"

namespace gonka::net {
namespace {

Json ParseOk(const http::ClientResponse& response) {
  REQUIRE_MESSAGE(response.status == 200, response.body);
  return Json::parse(response.body);
}

std::vector<Json> Chunks(const std::vector<http::SseEvent>& events) {
  std::vector<Json> chunks;
  for (const http::SseEvent& event : events) {
    if (event.data != "[DONE]") chunks.push_back(Json::parse(event.data));
  }
  return chunks;
}

TEST_CASE("models are listed with price and limits, and one of them by its name") {
  const Json list = ParseOk(Network().Get(0, "/v1/models"));
  CHECK(list["object"] == "list");
  REQUIRE(list["data"].size() == 1);
  const Json& model = list["data"][0];
  CHECK(model["id"] == "tiny");
  CHECK(model["object"] == "model");
  CHECK(model["created"] == 1'750'000'000);
  CHECK(model["gonka"]["price"] == 2);
  CHECK(model["gonka"]["context"] == 512);
  CHECK(model["gonka"]["executors"] == 2);
  CHECK(ParseOk(Network().Get(0, "/v1/models/tiny")) == model);
  const auto unknown = Network().Get(0, "/v1/models/Tiny");
  CHECK(unknown.status == 404);
  CHECK(unknown.body.find("did you mean 'tiny'?") != std::string::npos);
  CHECK(Network().Get(0, "/v1/models", "wrong key").status == 401);
  CHECK(Network().Get(0, "/v1/models", kAnnsKey).status == 200);
}

TEST_CASE("a chat completion has everything that a stock client reads, and a receipt") {
  const auto response = Network().Chat(R"("max_tokens":8,"seed":7)");
  const Json json = ParseOk(response);
  CHECK(json["object"] == "chat.completion");
  CHECK(json["model"] == "tiny");
  CHECK(json["system_fingerprint"].get<std::string>().size() == 19);
  CHECK(json["created"].get<int64_t>() > 1'700'000'000);
  REQUIRE(json["choices"].size() == 1);
  const Json& choice = json["choices"][0];
  CHECK(choice["index"] == 0);
  CHECK(choice["message"]["role"] == "assistant");
  CHECK_FALSE(choice["message"]["content"].get<std::string>().empty());
  CHECK(choice["logprobs"].is_null());
  CHECK((choice["finish_reason"] == "length" || choice["finish_reason"] == "stop"));
  CHECK(json["usage"]["completion_tokens"].get<int>() <= 8);
  CHECK(json["usage"]["prompt_tokens"].get<int>() > 5);
  CHECK(json["usage"]["total_tokens"] ==
        json["usage"]["prompt_tokens"].get<int>() + json["usage"]["completion_tokens"].get<int>());
  const Json& receipt = json["gonka"];
  CHECK(json["id"] == "chatcmpl-" + receipt["inference_id"].get<std::string>());
  CHECK(receipt["transfer_agent"] == Hex(Network().Id(0)));
  CHECK(receipt["executor"] != receipt["transfer_agent"]);
  CHECK(response.headers.Get("X-Gonka-Inference") == receipt["inference_id"]);
  CHECK(response.headers.Get("x-request-id").starts_with("req_"));

  // The executor's signature covers what the receipt says.
  const auto id = FixedFromHex<32>(receipt["inference_id"].get<std::string>());
  const auto executor = FixedFromHex<32>(receipt["executor"].get<std::string>());
  const auto digest = FixedFromHex<32>(receipt["output_digest"].get<std::string>());
  const auto signature = FixedFromHex<64>(receipt["executor_signature"].get<std::string>());
  REQUIRE((id && executor && digest && signature));
  CHECK(VerifySignature(*executor,
                        DeliverySigningHash(InferenceId{*id}, *digest,
                                            json["usage"]["completion_tokens"].get<uint32_t>()),
                        *signature));
}

TEST_CASE("a stream says the same as the whole answer, in the order of the dialect") {
  const std::string fields = R"("max_tokens":12,"seed":7)";
  const Json whole = ParseOk(Network().Chat(fields));
  StreamReader reader(
      Network().client(),
      Network().ApiRequest(
          "/v1/chat/completions",
          SmallNetwork::ChatBody(fields +
                                 R"(,"stream":true,"stream_options":{"include_usage":true})")));
  const auto events = reader.ReadAll();
  CHECK(reader.status() == 200);
  CHECK(reader.headers().Get("Content-Type") == "text/event-stream");
  REQUIRE(events.size() > 4);
  CHECK(events.back().data == "[DONE]");
  const std::vector<Json> chunks = Chunks(events);
  REQUIRE(chunks.size() == events.size() - 1);

  CHECK(chunks[0]["choices"][0]["delta"]["role"] == "assistant");
  std::string text;
  for (size_t i = 0; i + 1 < chunks.size(); ++i) {
    CHECK(chunks[i]["object"] == "chat.completion.chunk");
    CHECK(chunks[i]["id"] == chunks[0]["id"]);
    CHECK(chunks[i]["usage"].is_null());
    REQUIRE(chunks[i]["choices"].size() == 1);
    const Json& delta = chunks[i]["choices"][0]["delta"];
    if (delta.contains("content")) text += delta["content"].get<std::string>();
    const bool last = i + 2 == chunks.size();
    CHECK(chunks[i]["choices"][0]["finish_reason"].is_null() != last);
  }
  CHECK(text == whole["choices"][0]["message"]["content"].get<std::string>());
  const Json& finish = chunks[chunks.size() - 2];
  CHECK(finish["choices"][0]["finish_reason"] == whole["choices"][0]["finish_reason"]);
  CHECK(finish["choices"][0]["delta"] == Json::object());
  CHECK(chunks[0]["id"] == "chatcmpl-" + finish["gonka"]["inference_id"].get<std::string>());
  const Json& usage = chunks.back();
  CHECK(usage["choices"] == Json::array());
  CHECK(usage["usage"] == whole["usage"]);
  CHECK(usage["gonka"] == finish["gonka"]);
  CHECK(reader.headers().Get("X-Gonka-Inference") == finish["gonka"]["inference_id"]);
}

TEST_CASE("without include_usage the chunk with the finish reason is the last, and has choices") {
  StreamReader reader(
      Network().client(),
      Network().ApiRequest("/v1/chat/completions",
                           SmallNetwork::ChatBody(R"("max_tokens":2,"stream":true)")));
  const std::vector<Json> chunks = Chunks(reader.ReadAll());
  for (const Json& chunk : chunks) {
    CHECK(chunk["choices"].size() == 1);
    CHECK_FALSE(chunk.contains("usage"));
  }
  CHECK(chunks.back().contains("gonka"));
}

TEST_CASE("choices are requests of their own, and each has its receipt") {
  const auto response = Network().Chat(R"("max_tokens":4,"n":3,"seed":1)");
  const Json json = ParseOk(response);
  REQUIRE(json["choices"].size() == 3);
  std::set<std::string> ids;
  std::set<std::string> texts;
  for (int i = 0; i < 3; ++i) {
    CHECK(json["choices"][i]["index"] == i);
    CHECK(json["choices"][i]["gonka"]["choice"] == i);
    ids.insert(json["choices"][i]["gonka"]["inference_id"].get<std::string>());
    texts.insert(json["choices"][i]["message"]["content"].get<std::string>());
  }
  CHECK(ids.size() == 3);
  CHECK(texts.size() == 3);  // One seed, but another choice index each.
  CHECK(json["usage"]["completion_tokens"].get<int>() <= 12);
  CHECK(response.headers.Get("X-Gonka-Inference").size() == 3 * 64 + 2);
}

TEST_CASE("log-probabilities come in the shape of each endpoint") {
  const Json chat = ParseOk(Network().Chat(R"("max_tokens":6,"logprobs":true,"top_logprobs":3)"));
  const Json& content = chat["choices"][0]["logprobs"]["content"];
  REQUIRE_FALSE(content.empty());
  std::string bytes;
  for (const Json& token : content) {
    CHECK(token["logprob"].get<double>() <= 0);
    CHECK(token["top_logprobs"].size() == 3);
    CHECK(token["top_logprobs"][0]["logprob"].get<double>() >=
          token["top_logprobs"][1]["logprob"].get<double>());
    for (const Json& byte : token["bytes"]) bytes += static_cast<char>(byte.get<int>());
  }
  // Special tokens have bytes and no text, and a random model does draw them.
  CHECK(bytes.size() >= chat["choices"][0]["message"]["content"].get<std::string>().size() / 3);

  const Json completion = ParseOk(Network().Post(
      "/v1/completions",
      R"({"model":"tiny","prompt":"Once upon a time","max_tokens":6,"logprobs":2})"));
  CHECK(completion["object"] == "text_completion");
  CHECK(completion["id"].get<std::string>().starts_with("cmpl-"));
  const Json& logprobs = completion["choices"][0]["logprobs"];
  const size_t count = logprobs["tokens"].size();
  CHECK(count > 0);
  CHECK(logprobs["token_logprobs"].size() == count);
  CHECK(logprobs["top_logprobs"].size() == count);
  CHECK(logprobs["top_logprobs"][0].is_object());
  CHECK(logprobs["text_offset"][0] == 0);
}

TEST_CASE("completions take prompts as text or tokens, several at once, and echo them") {
  const Json json = ParseOk(Network().Post(
      "/v1/completions",
      R"({"model":"tiny","prompt":["Once upon","a time"],"max_tokens":3,"echo":true,"n":2})"));
  REQUIRE(json["choices"].size() == 4);
  CHECK(json["choices"][1]["text"].get<std::string>().starts_with("Once upon"));
  CHECK(json["choices"][2]["text"].get<std::string>().starts_with("a time"));
  const std::vector<uint32_t> ids = Network().tokenizer().Encode("Emma", false).value();
  const Json tokens = ParseOk(Network().Post(
      "/v1/completions", fmt::format(R"({{"model":"tiny","prompt":{},"max_tokens":3,"echo":true}})",
                                     Json(ids).dump())));
  CHECK(tokens["choices"][0]["text"].get<std::string>().starts_with("Emma"));
  CHECK(tokens["usage"]["prompt_tokens"] == ids.size());
}

TEST_CASE("an answer ends before its stop string, streamed or not") {
  const std::string fields = R"("max_tokens":24,"seed":5,"temperature":1)";
  const std::string full =
      ParseOk(Network().Chat(fields))["choices"][0]["message"]["content"].get<std::string>();
  // Something from the middle of the text, on character boundaries.
  size_t begin = full.size() / 2;
  while ((full[begin] & 0xC0) == 0x80) ++begin;
  size_t end = begin + 3;
  while (end < full.size() && (full[end] & 0xC0) == 0x80) ++end;
  const std::string stop = full.substr(begin, end - begin);
  const std::string expected = full.substr(0, full.find(stop));
  CAPTURE(stop);
  const std::string with_stop = fields + ",\"stop\":[" + Json(stop).dump() + "]";

  const Json json = ParseOk(Network().Chat(with_stop));
  CHECK(json["choices"][0]["message"]["content"] == expected);
  CHECK(json["choices"][0]["finish_reason"] == "stop");
  CHECK(json["usage"]["completion_tokens"].get<int>() < 24);

  StreamReader reader(
      Network().client(),
      Network().ApiRequest("/v1/chat/completions",
                           SmallNetwork::ChatBody(with_stop + R"(,"stream":true)")));
  std::string text;
  for (const Json& chunk : Chunks(reader.ReadAll())) {
    text += chunk["choices"][0]["delta"].value("content", "");
  }
  CHECK(text == expected);
}

TEST_CASE("every refusal has OpenAI's shape and names what is wrong") {
  struct Row {
    const char* body;
    int status;
    const char* code;
    const char* param;  // "" is null.
  };
  static constexpr Row kTable[] = {
      {"{", 400, "invalid_json", ""},
      {R"({"model":"tiny"})", 400, "missing_required_parameter", "messages"},
      {R"({"model":"Tiny","messages":[{"role":"user","content":"x"}]})", 404, "model_not_found",
       "model"},
      {R"({"model":"tiny","messages":[{"role":"user","content":"x"}],"max_tokens":100000})", 400,
       "context_length_exceeded", "max_tokens"},
      {R"({"model":"tiny","messages":[{"role":"user","content":"x"}],"logit_bias":{"2048":1}})",
       400, "invalid_value", "logit_bias"},
      {R"({"model":"tiny","messages":[{"role":"user","content":"x"}],"tools":[{}]})", 400,
       "unsupported_parameter", "tools"},
  };
  for (const Row& row : kTable) {
    CAPTURE(row.body);
    const auto response = Network().Post("/v1/chat/completions", row.body);
    CHECK(response.status == row.status);
    const Json error = Json::parse(response.body)["error"];
    CHECK(error["code"] == row.code);
    CHECK(error["param"] == (row.param[0] == 0 ? Json() : Json(row.param)));
    CHECK_FALSE(error["message"].get<std::string>().empty());
    CHECK(response.headers.Get("x-request-id").starts_with("req_"));
  }
  std::string words;
  for (int i = 0; i < 600; ++i) words += "word ";
  const auto long_prompt =
      Network().Post("/v1/chat/completions",
                     R"({"model":"tiny","messages":[{"role":"user","content":")" + words + "\"}]}");
  CHECK(long_prompt.status == 400);
  CHECK(Json::parse(long_prompt.body)["error"]["param"] == "messages");
  CHECK(Json::parse(long_prompt.body)["error"]["code"] == "context_length_exceeded");
}

TEST_CASE("without a key, with a wrong one, and without enough coins nobody is served") {
  const std::string body = SmallNetwork::ChatBody(R"("max_tokens":1)");
  const auto none = Network().Post("/v1/chat/completions", body, nullptr);
  CHECK(none.status == 401);
  CHECK(Json::parse(none.body)["error"]["code"] == "missing_api_key");
  const auto wrong = Network().Post("/v1/chat/completions", body, "sk-nobody-ever-made-this");
  CHECK(wrong.status == 401);
  CHECK(Json::parse(wrong.body)["error"]["code"] == "invalid_api_key");
  CHECK(wrong.body.find("sk-nobody") == std::string::npos);

  // Another developer, whose allowance pays for one token.
  const std::string poor_key = "sk-poor-developer";
  const KeyPair poor = KeyPair::FromSeed(FixedBytes<32>{{42}});
  Allow allow;
  allow.ta = Network().Id(0);
  allow.amount = Amount(2);
  allow.expires_epoch = 1'000;
  allow.key_digest = ApiKeyDigest(AsBytes(poor_key));
  Transfer gift;
  gift.to = AccountOf(poor.public_key());
  gift.amount = Amount(10);
  const auto send = [&](const SignedTx& tx) {
    const auto answer = Network().SendTo({.method = "POST",
                                          .url = Network().Url(0, "/gonka/v1/tx"),
                                          .body = std::string(AsText(Encode(tx)))});
    REQUIRE_MESSAGE(answer.status == 200, answer.body);
  };
  const std::string account = "/gonka/v1/accounts/" + Hex(poor.public_key());
  send(SignTx(Network().ann(), Network().network(), 1, {gift}));
  Network().WaitFor(0, account, [](const Json& json) { return json["balance"] == 10; });
  send(SignTx(poor, Network().network(), 0, {allow}));
  Network().WaitFor(0, account, [](const Json& json) {
    return !json["allowances"].empty() && json["allowances"][0]["ready"] == true;
  });
  const auto response = Network().Post("/v1/chat/completions", body, poor_key.c_str());
  CHECK(response.status == 402);
  const Json error = Json::parse(response.body)["error"];
  CHECK(error["code"] == "insufficient_quota");
  CHECK(error["message"].get<std::string>().find("2 is left") != std::string::npos);
}

TEST_CASE("what the HTTP server refuses by itself has the same shape") {
  const auto unknown = Network().Get(0, "/v1/nothing");
  CHECK(unknown.status == 404);
  CHECK(Json::parse(unknown.body)["error"]["code"] == "http_404");
  const auto method = Network().Get(0, "/v1/chat/completions");
  CHECK(method.status == 405);
  CHECK(Json::parse(method.body)["error"]["type"] == "invalid_request_error");
  // 20 MB, above what a body may have. The connection may break before the answer is read.
  const auto large = Network().client().Send(
      Network().ApiRequest("/v1/chat/completions", std::string(20 << 20, ' ')));
  if (large.ok()) {
    CHECK(large->status == 413);
    CHECK(Json::parse(large->body)["error"]["code"] == "http_413");
  }
}

TEST_CASE("a client that hangs up cancels its request, and the executor is told") {
  const auto counter = [](const char* name) {
    const std::string text = Network().Get(0, "/metrics").body;
    const size_t at = text.find("\n" + std::string(name) + " ");
    REQUIRE(at != std::string::npos);
    return std::stoull(text.substr(at + std::string(name).size() + 2));
  };
  const uint64_t before = counter("gonka_api_cancelled_total");
  std::string inference;
  {
    StreamReader reader(
        Network().client(),
        Network().ApiRequest("/v1/chat/completions",
                             SmallNetwork::ChatBody(R"("max_tokens":450,"stream":true)")));
    reader.WaitFor([](const http::SseEvent& event) {
      return event.data.find("\"content\":\"\"") == event.data.npos;
    });
    inference = reader.headers().Get("X-Gonka-Inference");
  }
  // The record ends early, and says why; unless the model ended its answer just before.
  const Json record =
      Network().WaitFor(0, "/gonka/v1/inferences/" + inference,
                        [](const Json& json) { return json["record"]["finish"].is_object(); });
  CHECK(record["output_tokens"].get<int>() < 450);
  if (record["record"]["finish"]["finish"] == "cancelled") {
    CHECK(counter("gonka_api_cancelled_total") > before);
  }
  CHECK(counter("gonka_api_in_flight") == 0);
}

TEST_CASE("many clients at once are all served, each its own answer") {
  std::vector<std::string> alone;
  for (int i = 0; i < 8; ++i) {
    alone.push_back(ParseOk(Network().Chat(
        fmt::format(R"("max_tokens":5,"seed":{})", i)))["choices"][0]["message"]["content"]);
  }
  std::vector<std::unique_ptr<StreamReader>> readers;
  for (int i = 0; i < 8; ++i) {
    readers.push_back(std::make_unique<StreamReader>(
        Network().client(),
        Network().ApiRequest(
            "/v1/chat/completions",
            SmallNetwork::ChatBody(fmt::format(R"("max_tokens":5,"stream":true,"seed":{})", i)))));
  }
  for (int i = 0; i < 8; ++i) {
    std::string text;
    for (const Json& chunk : Chunks(readers[static_cast<size_t>(i)]->ReadAll())) {
      text += chunk["choices"][0]["delta"].value("content", "");
    }
    CHECK(text == alone[static_cast<size_t>(i)]);
  }
}

}  // namespace
}  // namespace gonka::net
