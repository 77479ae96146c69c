#include "net/openai_format.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <set>

#include "gonka/base/json.h"

namespace gonka::net {
namespace {

// JSON has no infinities; this is what OpenAI writes for "next to impossible".
constexpr double kImpossible = -9999.0;

std::string Logprob(uint32_t bits) {
  const auto logprob = static_cast<double>(std::bit_cast<float>(bits));
  return fmt::format("{:.7g}", std::isfinite(logprob) ? logprob : kImpossible);
}

bool IsUtf8(std::string_view bytes) {
  // JsonQuote replaces what is not UTF-8 by U+FFFD: the quoted text then differs.
  return JsonQuote(bytes).find("\xEF\xBF\xBD") == std::string::npos ||
         bytes.find("\xEF\xBF\xBD") != bytes.npos;
}

std::string_view BytesOf(const model::Tokenizer& tokenizer, uint32_t id) {
  const auto bytes = tokenizer.TokenBytes(id);
  return bytes.ok() ? *bytes : std::string_view();
}

std::string ByteList(std::string_view bytes) {
  std::string out = "[";
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i > 0) out += ',';
    out += std::to_string(static_cast<unsigned char>(bytes[i]));
  }
  return out + "]";
}

// "bytes:\xe2\x82" where a token is no text by itself, as OpenAI's completions write it, so that
// the keys of top_logprobs differ.
std::string TokenKey(std::string_view bytes) {
  if (IsUtf8(bytes)) return JsonQuote(bytes);
  std::string escaped = "bytes:";
  for (const char c : bytes) escaped += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return JsonQuote(escaped);
}

std::string ChatToken(const model::Tokenizer& tokenizer, uint32_t id, uint32_t logprob_bits) {
  const std::string_view bytes = BytesOf(tokenizer, id);
  return fmt::format(R"({{"token":{},"logprob":{},"bytes":{})", JsonQuote(bytes),
                     Logprob(logprob_bits), ByteList(bytes));
}

std::string ChatLogprobs(const model::Tokenizer& tokenizer, std::span<const ShownToken> tokens,
                         uint8_t top) {
  std::string out = R"({"content":[)";
  for (size_t i = 0; i < tokens.size(); ++i) {
    const node::ProducedToken& token = tokens[i].token;
    if (i > 0) out += ',';
    out += ChatToken(tokenizer, token.id, token.logprob_bits) + R"(,"top_logprobs":[)";
    for (size_t j = 0; j < token.top.size() && j < top; ++j) {
      if (j > 0) out += ',';
      out += ChatToken(tokenizer, token.top[j].id, token.top[j].logprob_bits) + "}";
    }
    out += "]}";
  }
  return out + R"(],"refusal":null})";
}

// {" Paris": -0.1, ...}. Different ids may read alike; the likelier one stands.
std::string TopMap(const model::Tokenizer& tokenizer, const node::ProducedToken& token,
                   uint8_t top) {
  std::set<std::string> keys;
  std::string out = "{";
  for (size_t i = 0; i < token.top.size() && i < top; ++i) {
    const std::string key = TokenKey(BytesOf(tokenizer, token.top[i].id));
    if (!keys.insert(key).second) continue;
    if (keys.size() > 1) out += ',';
    out += key + ":" + Logprob(token.top[i].logprob_bits);
  }
  return out + "}";
}

std::string CompletionLogprobs(const model::Tokenizer& tokenizer,
                               std::span<const ShownToken> tokens, uint8_t top) {
  std::string texts, logprobs, tops, offsets;
  for (size_t i = 0; i < tokens.size(); ++i) {
    const node::ProducedToken& token = tokens[i].token;
    const char* comma = i > 0 ? "," : "";
    texts += comma + TokenKey(BytesOf(tokenizer, token.id));
    logprobs += comma + Logprob(token.logprob_bits);
    tops += comma + TopMap(tokenizer, token, top);
    offsets += comma + std::to_string(tokens[i].text_offset);
  }
  return fmt::format(
      R"({{"tokens":[{}],"token_logprobs":[{}],"top_logprobs":{},"text_offset":[{}]}})", texts,
      logprobs, top > 0 ? "[" + tops + "]" : "null", offsets);
}

}  // namespace

std::string OpenObject(const ReplyHead& head, bool chunk) {
  const char* object = !head.chat ? "text_completion"
                       : chunk    ? "chat.completion.chunk"
                                  : "chat.completion";
  return fmt::format(
      R"({{"id":"{}","object":"{}","created":{},"model":{},"system_fingerprint":"{}")", head.id,
      object, head.created_s, JsonQuote(head.model), head.fingerprint);
}

std::string UsageJson(const Usage& usage) {
  return fmt::format(R"({{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}})",
                     usage.prompt_tokens, usage.output_tokens,
                     usage.prompt_tokens + usage.output_tokens);
}

std::string ReceiptJson(size_t choice, const node::Answer& answer) {
  return fmt::format(
      R"({{"choice":{},"inference_id":"{}","executor":"{}","transfer_agent":"{}","attempt":{},)"
      R"("request_digest":"{}","output_digest":"{}","output_salt":"{}","artifact_root":"{}",)"
      R"("executor_signature":"{}","executor_key":"{}"}})",
      choice, Hex(answer.inference), Hex(answer.executor), Hex(answer.ta), answer.attempt,
      Hex(answer.request_digest), Hex(answer.output_digest), Hex(answer.output_salt),
      Hex(answer.artifact_root), Hex(answer.executor_signature), Hex(answer.executor_key));
}

const char* FinishReasonOf(FinishCode finish) {
  return finish == FinishCode::kStop ? "stop" : "length";
}

std::string LogprobsJson(bool chat, const model::Tokenizer& tokenizer,
                         std::span<const ShownToken> tokens, uint8_t top) {
  return chat ? ChatLogprobs(tokenizer, tokens, top) : CompletionLogprobs(tokenizer, tokens, top);
}

std::string WholeChoice(bool chat, size_t index, const std::string& text,
                        const std::string& logprobs, FinishCode finish, const std::string& extra) {
  const std::string body =
      chat ? fmt::format(R"("message":{{"role":"assistant","content":{},"refusal":null}})",
                         JsonQuote(text))
           : fmt::format(R"("text":{})", JsonQuote(text));
  return fmt::format(R"({{"index":{},{},"logprobs":{},"finish_reason":"{}"{}}})", index, body,
                     logprobs, FinishReasonOf(finish), extra);
}

std::string RoleChoice(size_t index) {
  return fmt::format(
      R"({{"index":{},"delta":{{"role":"assistant","content":""}},"logprobs":null,"finish_reason":null}})",
      index);
}

std::string TextChoice(bool chat, size_t index, const std::string& text,
                       const std::string& logprobs) {
  const std::string body = chat ? fmt::format(R"("delta":{{"content":{}}})", JsonQuote(text))
                                : fmt::format(R"("text":{})", JsonQuote(text));
  return fmt::format(R"({{"index":{},{},"logprobs":{},"finish_reason":null}})", index, body,
                     logprobs);
}

std::string FinishChoice(bool chat, size_t index, FinishCode finish) {
  return fmt::format(R"({{"index":{},{},"logprobs":null,"finish_reason":"{}"}})", index,
                     chat ? R"("delta":{})" : R"("text":"")", FinishReasonOf(finish));
}

}  // namespace gonka::net
