#pragma once

// What a developer asks for, and the promise under which it is served.
//
// The canonical request is what `net` makes of the JSON; its salted digest is all that the ledger
// sees of it. The Request is the developer's order to one transfer agent; the Assignment is that
// transfer agent's choice of an executor for one attempt.

#include "gonka/protocol/ids.h"

namespace gonka {

enum class RequestKind : uint8_t { kChat, kCompletion };
template <>
inline constexpr uint64_t kEnumEnd<RequestKind> = 2;
const char* NameOf(RequestKind value);

struct ChatMessage {
  Text<32> role;
  Text<262'144> content;
  GONKA_FIELDS(ChatMessage, role, content)
};

struct TokenBias {
  uint32_t id = 0;
  int32_t bias_ppm = 0;
  GONKA_FIELDS(TokenBias, id, bias_ppm)
};

// All ratios in parts per million; the meaning is doc/sampler.md's.
struct Sampling {
  uint32_t temperature_ppm = 1'000'000;
  uint32_t top_p_ppm = 1'000'000;
  uint32_t top_k = 0;
  uint32_t min_p_ppm = 0;
  uint32_t repetition_penalty_ppm = 1'000'000;
  int32_t presence_penalty_ppm = 0;
  int32_t frequency_penalty_ppm = 0;
  List<TokenBias, 1024> logit_bias;  // Ascending by id.
  GONKA_FIELDS(Sampling, temperature_ppm, top_p_ppm, top_k, min_p_ppm, repetition_penalty_ppm,
               presence_penalty_ppm, frequency_penalty_ppm, logit_bias)
};

struct CanonicalRequest {
  static constexpr RecordKind kKind{1, 1};
  RequestKind kind = RequestKind::kChat;
  List<ChatMessage, 2048> messages;       // For kChat.
  Text<262'144> prompt;                   // For kCompletion, unless prompt_tokens is given.
  List<uint32_t, 131'072> prompt_tokens;  // For kCompletion.
  Sampling sampling;
  uint32_t tokens_max = 0;
  List<Text<256>, 16> stop;      // Stop strings, over the decoded text.
  std::optional<uint64_t> seed;  // The client's.
  uint8_t choice = 0;            // Index among the n choices of one API call.
  uint64_t render_time = 0;      // Unix seconds, for templates that print a date.
  GONKA_FIELDS(CanonicalRequest, kind, messages, prompt, prompt_tokens, sampling, tokens_max, stop,
               seed, choice, render_time)
};

// The salt keeps short prompts from being guessed from the ledger; it travels with the payload.
Hash RequestDigest(const CanonicalRequest& request, const Hash& salt);

// The developer's order. sequence counts per (developer, transfer agent).
struct Request {
  NetworkId network;
  uint64_t epoch = 0;
  ModelId model;
  Hash request_digest;
  uint32_t tokens_max = 0;
  Amount price_cap;  // Per token.
  uint64_t expiry_height = 0;
  AccountId developer;
  uint64_t sequence = 0;
  AccountId ta;
  // Who signs, where it is not the developer's own key: a sub-account, to which the developer has
  // delegated `orders`.
  std::optional<AccountId> signer;
  GONKA_FIELDS(Request, network, epoch, model, request_digest, tokens_max, price_cap, expiry_height,
               developer, sequence, ta, signer)
};

// What the developer signs where its allowance does not let the transfer agent act for it.
Hash RequestSigningHash(const Request& request);

// An earlier attempt that came to nothing. refusal is the skipped executor's signature over
// RefusalSigningHash; without it transfer agent and executor share the blame.
struct SkippedAttempt {
  AccountId executor;
  std::optional<Signature> refusal;
  GONKA_FIELDS(SkippedAttempt, executor, refusal)
};

inline constexpr uint8_t kAttemptsMax = 3;

struct Assignment {
  Request request;
  std::optional<Signature> developer_signature;
  uint32_t prompt_tokens = 0;
  uint8_t attempt = 0;  // 0, 1, 2.
  AccountId executor;   // Must be the ledger's draw for (request, attempt).
  List<SkippedAttempt, kAttemptsMax - 1> skipped;  // One for each attempt before this one.
  GONKA_FIELDS(Assignment, request, developer_signature, prompt_tokens, attempt, executor, skipped)
};

InferenceId InferenceIdOf(const Request& request, uint8_t attempt);
inline InferenceId InferenceIdOf(const Assignment& assignment) {
  return InferenceIdOf(assignment.request, assignment.attempt);
}

Hash AssignmentSigningHash(const Assignment& assignment);  // Signed by the transfer agent.
Hash AcceptSigningHash(const InferenceId& inference);      // Signed by the executor.
Hash RefusalSigningHash(const InferenceId& inference);     // Signed by the executor.

// What the transfer agent signs while it takes an answer: so many of its tokens have come. An
// acknowledgement every kAckTokens; a cancel where the developer hung up.
inline constexpr uint32_t kAckTokens = 128;
Hash AckSigningHash(const InferenceId& inference, uint32_t tokens);
Hash CancelSigningHash(const InferenceId& inference, uint32_t tokens);

struct SignedAssignment {
  Assignment assignment;
  Signature ta_signature;
  GONKA_FIELDS(SignedAssignment, assignment, ta_signature)
};

enum class FinishCode : uint8_t { kStop, kLength, kCancelled };
template <>
inline constexpr uint64_t kEnumEnd<FinishCode> = 3;
const char* NameOf(FinishCode value);

using OutputTokens = List<uint32_t, 131'072>;

// Covers the token ids and how the answer ended.
Hash OutputDigest(const OutputTokens& tokens, FinishCode finish, const Hash& salt);
// Signed by the executor, and sent with the last chunk of the answer.
Hash DeliverySigningHash(const InferenceId& inference, const Hash& output_digest,
                         uint32_t output_tokens);

// Which noise the sampler uses: H(client's seed if given, else inference id; attempt; choice).
Hash SamplingSeed(const CanonicalRequest& request, const InferenceId& inference, uint8_t attempt);

// Everything that a check needs, kept by executor and transfer agent until one epoch after
// settlement. The artifact is opened separately, window by window.
struct Payload {
  static constexpr RecordKind kKind{2, 1};
  CanonicalRequest request;
  Hash request_salt;
  Assignment assignment;
  OutputTokens output;
  FinishCode finish = FinishCode::kStop;
  Hash output_salt;
  GONKA_FIELDS(Payload, request, request_salt, assignment, output, finish, output_salt)
};

}  // namespace gonka
