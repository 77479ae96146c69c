// Bodies of the OpenAI dialect: whatever the bytes, the answer is a request within the bounds of
// its record or an error that can be sent. The first byte chooses the endpoint.

#include "gonka/net/openai_request.h"

#include "gonka/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gonka;
  if (size == 0) return 0;
  const std::string_view body = AsText(ByteSpan(data + 1, size - 1));
  const bool chat = data[0] % 2 == 0;
  const auto parsed = chat ? net::ParseChatRequest(body) : net::ParseCompletionRequest(body);
  if (const auto* error = std::get_if<net::ApiError>(&parsed)) {
    GONKA_CHECK(error->status == 400 && !error->message.empty() && !error->code.empty());
    GONKA_CHECK(!net::ToResponse(*error).body.empty());
    return 0;
  }
  const auto& request = std::get<net::ApiRequest>(parsed);
  GONKA_CHECK(!request.model.empty() && !request.prompts.empty());
  GONKA_CHECK(request.n >= 1 && request.prompts.size() * request.n <= net::kRequestsMax);
  for (const CanonicalRequest& prompt : request.prompts) {
    const auto decoded = Decode<CanonicalRequest>(Encode(prompt));
    GONKA_CHECK(decoded.ok() && *decoded == prompt);
  }
  return 0;
}
