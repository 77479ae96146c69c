#include "gonka/protocol/request.h"

namespace gonka {

Hash RequestDigest(const CanonicalRequest& request, const Hash& salt) {
  return TaggedHash("gonka/request-digest/1", salt, request);
}

Hash RequestSigningHash(const Request& request) {
  return TaggedHash("gonka/request/1", request);
}

InferenceId InferenceIdOf(const Request& request, uint8_t attempt) {
  return InferenceId{TaggedHash("gonka/inference/1", request.network, request.epoch,
                                request.developer, request.ta, request.sequence, attempt)};
}

Hash AssignmentSigningHash(const Assignment& assignment) {
  return TaggedHash("gonka/assignment/1", assignment);
}

Hash AcceptSigningHash(const InferenceId& inference) {
  return TaggedHash("gonka/accept/1", inference);
}

Hash RefusalSigningHash(const InferenceId& inference) {
  return TaggedHash("gonka/refusal/1", inference);
}

Hash AckSigningHash(const InferenceId& inference, uint32_t tokens) {
  return TaggedHash("gonka/ack/1", inference, tokens);
}

Hash CancelSigningHash(const InferenceId& inference, uint32_t tokens) {
  return TaggedHash("gonka/cancel/1", inference, tokens);
}

Hash OutputDigest(const OutputTokens& tokens, FinishCode finish, const Hash& salt) {
  return TaggedHash("gonka/output-digest/1", salt, tokens, finish);
}

Hash DeliverySigningHash(const InferenceId& inference, const Hash& output_digest,
                         uint32_t output_tokens) {
  return TaggedHash("gonka/delivery/1", inference, output_digest, output_tokens);
}

Hash SamplingSeed(const CanonicalRequest& request, const InferenceId& inference, uint8_t attempt) {
  if (request.seed) {
    return TaggedHash("gonka/sampling-seed/client/1", *request.seed, attempt, request.choice);
  }
  return TaggedHash("gonka/sampling-seed/1", inference, attempt, request.choice);
}

}  // namespace gonka
