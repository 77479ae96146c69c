#pragma once

// Whoever answers requests for an API: a transfer agent, which draws an executor itself, or the
// agent of a developer, which draws a transfer agent.

#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "gonka/base/status.h"
#include "gonka/crypto/sign.h"
#include "gonka/node/messages.h"

namespace gonka::node {

struct ClientRequest {
  AccountId developer;
  // Signs the request, where a sub-account of the developer sends it.
  std::optional<KeyPair> sub_account = std::nullopt;
  // The request as the developer has signed it itself; then it is carried out as it stands.
  std::optional<SignedRequest> order = std::nullopt;
  ModelId model;
  CanonicalRequest request;
  uint8_t top_logprobs = 0;
  // The request's prompt tokens, where the caller has them already (rendering a long prompt takes
  // time that the loop has better uses for). Empty: rendered here.
  std::vector<uint32_t> prompt = {};
};

struct Answer {
  InferenceId inference;
  AccountId ta;
  AccountId executor;
  uint8_t attempt = 0;
  FinishCode finish = FinishCode::kStop;
  uint32_t prompt_tokens = 0;
  uint32_t output_tokens = 0;
  Hash request_digest;
  Hash output_digest;
  Hash output_salt;
  Hash artifact_root;
  Signature executor_signature;  // Over DeliverySigningHash.
  AccountId executor_key;        // Whose signature it is: the executor's own, or its node key.
};

// On the loop. on_tokens may be called any number of times between on_accepted and on_done.
struct AnswerEvents {
  std::function<void(const InferenceId&, const AccountId& executor, uint8_t attempt,
                     uint32_t prompt_tokens)>
      on_accepted;
  std::function<void(std::span<const ProducedToken>)> on_tokens;
  std::function<void(absl::StatusOr<Answer>)> on_done;  // Exactly once, last.
};

// Loop thread only.
class Agent {
 public:
  using Ticket = uint64_t;

  virtual ~Agent() = default;
  // Errors for the developer: InvalidArgument (request), NotFound (model), PermissionDenied (no
  // allowance), FailedPrecondition (allowance not ready, or too small: "insufficient allowance"),
  // ResourceExhausted (too many in flight), Unavailable (no executor answered), DataLoss (what came
  // is not what was signed).
  virtual Ticket OnRequest(ClientRequest request, AnswerEvents events) = 0;
  // The client hung up. No more events come.
  virtual void Cancel(Ticket ticket) = 0;
};

}  // namespace gonka::node
