#pragma once

// The JSON of answers in the OpenAI dialect. Written by hand, because a stream makes one object a
// token.

#include <string>

#include "gonka/net/answer_text.h"
#include "gonka/node/agent.h"

namespace gonka::net {

// What all objects of one API call begin with.
struct ReplyHead {
  bool chat = true;
  std::string id;  // "chatcmpl-<inference>", "cmpl-<inference>"
  int64_t created_s = 0;
  std::string model;
  std::string fingerprint;
};

struct Usage {
  uint64_t prompt_tokens = 0;
  uint64_t output_tokens = 0;
};

// {"id":...,"object":...,"created":...,"model":...,"system_fingerprint":... : the caller goes on
// with a comma and closes the object.
std::string OpenObject(const ReplyHead& head, bool chunk);

std::string UsageJson(const Usage& usage);
std::string ReceiptJson(size_t choice, const node::Answer& answer);
const char* FinishReasonOf(FinishCode finish);

// The value of "logprobs": what chat and completions each call so.
std::string LogprobsJson(bool chat, const model::Tokenizer& tokenizer,
                         std::span<const ShownToken> tokens, uint8_t top);

// One element of "choices" of a whole answer. logprobs is a JSON value; extra is empty or begins
// with a comma.
std::string WholeChoice(bool chat, size_t index, const std::string& text,
                        const std::string& logprobs, FinishCode finish, const std::string& extra);
// One element of "choices" of a chunk.
std::string RoleChoice(size_t index);  // Chat only.
std::string TextChoice(bool chat, size_t index, const std::string& text,
                       const std::string& logprobs);
std::string FinishChoice(bool chat, size_t index, FinishCode finish);

}  // namespace gonka::net
