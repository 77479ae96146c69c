#pragma once

// What nodes say to one another (Transport calls; doc/protocol.md, "Between nodes"). All calls are
// sealed between the two nodes' keys, so a caller is who it says it is.

#include "gonka/protocol/tx.h"
#include "gonka/verify/artifact.h"

namespace gonka::node {

// Transfer agent to executor. Answered by ExecuteFrames: Accepted or Refused at once, without
// waiting for compute; after Accepted any number of Produced and one Completed.
inline constexpr const char* kExecuteMethod = "execute";
struct Execute {
  static constexpr RecordKind kKind{200, 1};
  SignedAssignment assignment;
  CanonicalRequest request;
  Hash request_salt;
  uint8_t top_logprobs = 0;  // How many the developer wants to see, at most 20.
  GONKA_FIELDS(Execute, assignment, request, request_salt, top_logprobs)
};

struct Accepted {
  static constexpr const char* kName = "accepted";
  Signature signature;  // Over AcceptSigningHash.
  GONKA_FIELDS(Accepted, signature)
};
struct Refused {
  static constexpr const char* kName = "refused";
  Signature signature;  // Over RefusalSigningHash.
  Text<512> reason;
  GONKA_FIELDS(Refused, signature, reason)
};
// A float travels as its IEEE bits.
struct Likely {
  uint32_t id = 0;
  uint32_t logprob_bits = 0;
  GONKA_FIELDS(Likely, id, logprob_bits)
};
struct ProducedToken {
  uint32_t id = 0;
  uint32_t logprob_bits = 0;
  List<Likely, 20> top;
  GONKA_FIELDS(ProducedToken, id, logprob_bits, top)
};
struct Produced {
  static constexpr const char* kName = "produced";
  List<ProducedToken, 256> tokens;
  GONKA_FIELDS(Produced, tokens)
};
// Hands over what the transfer agent keeps besides the tokens.
struct Completed {
  static constexpr const char* kName = "completed";
  FinishCode finish = FinishCode::kStop;
  Hash output_salt;
  Hash output_digest;
  Signature signature;  // Over DeliverySigningHash.
  Text<64> kernel_class;
  Hash artifact_root;
  verify::Artifact artifact;
  GONKA_FIELDS(Completed, finish, output_salt, output_digest, signature, kernel_class,
               artifact_root, artifact)
};
struct ExecuteFrame {
  static constexpr RecordKind kKind{201, 1};
  std::variant<Accepted, Refused, Produced, Completed> frame;
  GONKA_FIELDS(ExecuteFrame, frame)
};

// Developer to transfer agent: a request that the developer has signed itself. Answered by
// OrderFrames: Ordered for each executor that accepts, any number of Produced after it, and one
// Answered. The caller is the developer, or the sub-account that signed. Who hangs up cancels.
inline constexpr const char* kOrderMethod = "order";
struct SignedRequest {
  Request request;
  Signature signature;  // Over RequestSigningHash.
  Hash salt;            // Of the request digest.
  GONKA_FIELDS(SignedRequest, request, signature, salt)
};
struct Order {
  static constexpr RecordKind kKind{206, 1};
  SignedRequest order;
  CanonicalRequest request;
  uint8_t top_logprobs = 0;
  GONKA_FIELDS(Order, order, request, top_logprobs)
};
struct Ordered {
  static constexpr const char* kName = "ordered";
  AccountId executor;
  uint8_t attempt = 0;
  uint32_t prompt_tokens = 0;
  GONKA_FIELDS(Ordered, executor, attempt, prompt_tokens)
};
struct Answered {
  static constexpr const char* kName = "answered";
  FinishCode finish = FinishCode::kStop;
  Hash output_salt;
  Hash artifact_root;
  Signature executor_signature;  // Over DeliverySigningHash.
  GONKA_FIELDS(Answered, finish, output_salt, artifact_root, executor_signature)
};
struct OrderFrame {
  static constexpr RecordKind kKind{207, 1};
  std::variant<Ordered, Produced, Answered> frame;
  GONKA_FIELDS(OrderFrame, frame)
};

// Transfer agent to executor: the developer hung up, when so many tokens had come. The execution
// then completes with just these and kCancelled, and the word goes along with its Finish. One empty
// frame answers.
inline constexpr const char* kCancelMethod = "cancel";
// Transfer agent to executor, every kAckTokens: so many have come. One empty frame answers.
inline constexpr const char* kAckMethod = "ack";
struct AgentSays {
  static constexpr RecordKind kKind{208, 1};
  InferenceId inference;
  AgentWord word;
  GONKA_FIELDS(AgentSays, inference, word)
};
// Anybody on duty for the record, to executor or transfer agent. One KeptPayload answers.
inline constexpr const char* kPayloadMethod = "payload";
struct InferenceQuery {
  static constexpr RecordKind kKind{202, 1};
  InferenceId inference;
  GONKA_FIELDS(InferenceQuery, inference)
};

struct KeptPayload {
  static constexpr RecordKind kKind{204, 1};
  Payload payload;
  Text<64> kernel_class;  // The executor's arithmetic, as it claims.
  GONKA_FIELDS(KeptPayload, payload, kernel_class)
};

// Anybody on duty: shows the root of its own scores first, and gets leaves of the artifact opened
// against it. One verify::Opening answers.
inline constexpr const char* kOpenMethod = "open";
struct OpenArtifact {
  static constexpr RecordKind kKind{203, 1};
  InferenceId inference;
  Hash scores_root;
  Signature signature;          // Over ScoresSigningHash, by the caller.
  List<uint32_t, 4096> leaves;  // Ascending.
  GONKA_FIELDS(OpenArtifact, inference, scores_root, signature, leaves)
};
Hash ScoresSigningHash(const InferenceId& inference, const Hash& scores_root);

// Who has a ballot about a Sprint commit, to the participant whose commit it is: the leaves that
// were sampled. One SprintOpenings answers.
inline constexpr const char* kSprintMethod = "sprint";
struct SprintQuery {
  static constexpr RecordKind kKind{213, 1};
  uint64_t epoch = 0;
  ModelId model;
  GONKA_FIELDS(SprintQuery, epoch, model)
};
struct OpenedResult {
  verify::LeafBlock block;  // Its root, with the input's token ids, is the result.
  MerklePath path;
  Signature signature;  // Over SprintOpeningHash.
  GONKA_FIELDS(OpenedResult, block, path, signature)
};
struct SprintOpenings {
  static constexpr RecordKind kKind{209, 1};
  Text<64> kernel_class;          // The participant's arithmetic, as it claims.
  List<OpenedResult, 64> opened;  // In the order of ledger::SprintSamples.
  GONKA_FIELDS(SprintOpenings, kernel_class, opened)
};

}  // namespace gonka::node
